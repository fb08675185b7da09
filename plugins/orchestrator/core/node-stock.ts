/** What a node has left for reservations, while tasks take their parts one after another. */
import type { Node, Task } from '@swarmkit/sdk/wire/gen/swarmkit/objects';
import type { GenericResource } from '@swarmkit/sdk/wire/gen/swarmkit/types';

export class NodeStock {
  /** A node that has not told what it has is not held to it. */
  private readonly known: boolean;
  private nanoCpus: bigint;
  private memoryBytes: bigint;
  private readonly discrete = new Map<string, bigint>();
  private readonly named = new Map<string, Set<string>>();

  constructor(node: Node) {
    const resources = node.description?.resources;
    this.known = resources !== undefined;
    this.nanoCpus = resources?.nanoCpus ?? 0n;
    this.memoryBytes = resources?.memoryBytes ?? 0n;
    for (const { resource } of resources?.generic ?? []) {
      if (resource?.$case === 'discreteResourceSpec')
        this.discrete.set(resource.value.kind, resource.value.value);
      else if (resource?.$case === 'namedResourceSpec')
        this.namesOf(resource.value.kind).add(resource.value.value);
    }
  }

  /** False, and nothing taken, where something is not there any more. */
  take(task: Task): boolean {
    if (!this.known) return true;
    const reserved = task.spec?.resources?.reservations;
    const nanoCpus = reserved?.nanoCpus ?? 0n;
    const memoryBytes = reserved?.memoryBytes ?? 0n;
    // A task without a reservation fits on a node that has nothing left, and on one that has less.
    if (nanoCpus > 0n && nanoCpus > this.nanoCpus) return false;
    if (memoryBytes > 0n && memoryBytes > this.memoryBytes) return false;
    if (!task.assignedGenericResources.every((assigned) => this.has(assigned))) return false;
    this.nanoCpus -= nanoCpus;
    this.memoryBytes -= memoryBytes;
    for (const assigned of task.assignedGenericResources) this.claim(assigned);
    return true;
  }

  private has({ resource }: GenericResource): boolean {
    if (resource?.$case === 'discreteResourceSpec')
      return resource.value.value <= (this.discrete.get(resource.value.kind) ?? 0n);
    if (resource?.$case === 'namedResourceSpec')
      return this.named.get(resource.value.kind)?.has(resource.value.value) === true;
    return true;
  }

  private claim({ resource }: GenericResource): void {
    if (resource?.$case === 'discreteResourceSpec') {
      const { kind, value } = resource.value;
      this.discrete.set(kind, (this.discrete.get(kind) ?? 0n) - value);
    } else if (resource?.$case === 'namedResourceSpec') {
      this.named.get(resource.value.kind)?.delete(resource.value.value);
    }
  }

  private namesOf(kind: string): Set<string> {
    const names = this.named.get(kind) ?? new Set();
    this.named.set(kind, names);
    return names;
  }
}
