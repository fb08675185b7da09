/**
 * What is left of a node's generic resources. A kind is either an amount (`fpga`, 4) or a set of named
 * values (`gpu`: a, b, c); tasks always reserve an amount, and get names where the node has names.
 */
import type { Task } from '../../wire/gen/swarmkit/objects.js';
import type { GenericResource } from '../../wire/gen/swarmkit/types.js';

export class GenericStock {
  private readonly amounts = new Map<string, bigint>();
  private readonly names = new Map<string, Set<string>>();

  constructor(described: readonly GenericResource[], holders: readonly Task[]) {
    for (const { resource } of described) {
      if (resource?.$case === 'discreteResourceSpec')
        this.amounts.set(resource.value.kind, resource.value.value);
      else if (resource !== undefined) this.namesOf(resource.value.kind).add(resource.value.value);
    }
    for (const task of holders) this.take(task.assignedGenericResources);
  }

  /** An amount, or how many named values; 0 for a kind that the node does not have. */
  available(kind: string): bigint {
    const names = this.names.get(kind);
    return names === undefined ? (this.amounts.get(kind) ?? 0n) : BigInt(names.size);
  }

  /** Takes what is wanted, in the order in which the node describes it. Check `available` first. */
  claim(wanted: readonly GenericResource[]): readonly GenericResource[] {
    const claimed: GenericResource[] = [];
    for (const { resource } of wanted) {
      if (resource?.$case !== 'discreteResourceSpec') continue;
      const { kind, value } = resource.value;
      const names = this.names.get(kind);
      if (names === undefined) claimed.push(amount(kind, value));
      else claimed.push(...[...names].slice(0, Number(value)).map((name) => named(kind, name)));
    }
    this.take(claimed);
    return claimed;
  }

  private take(assigned: readonly GenericResource[]): void {
    for (const { resource } of assigned) {
      if (resource === undefined) continue;
      const { kind, value } = resource.value;
      if (typeof value === 'string') this.names.get(kind)?.delete(value);
      else this.amounts.set(kind, (this.amounts.get(kind) ?? 0n) - value);
    }
  }

  private namesOf(kind: string): Set<string> {
    let names = this.names.get(kind);
    if (names === undefined) {
      names = new Set();
      this.names.set(kind, names);
    }
    return names;
  }
}

const amount = (kind: string, value: bigint): GenericResource => ({
  resource: { $case: 'discreteResourceSpec', value: { kind, value } },
});

const named = (kind: string, value: string): GenericResource => ({
  resource: { $case: 'namedResourceSpec', value: { kind, value } },
});
