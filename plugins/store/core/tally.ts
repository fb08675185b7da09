/**
 * What tasks take of each node, counted as they come and go, so that nobody has to read all tasks to place
 * one. Part of the state: a draft, a pin and a snapshot each have their own.
 */
import type { NodeTally } from '@swarmkit/sdk/contracts/store';
import { holdsResources, isWantedActive } from '@swarmkit/sdk/model/task';
import type { Task } from '@swarmkit/sdk/wire/gen/swarmkit/objects';
import { type Edit, Trie } from './trie.js';

export class Tally implements NodeTally {
  static readonly none = new Tally(0, 0, 0n, 0n, Trie.empty());

  constructor(
    /** Tasks that hold resources: when there are none, the node is forgotten. */
    readonly holders: number,
    readonly active: number,
    readonly nanoCpus: bigint,
    readonly memoryBytes: bigint,
    private readonly services: Trie<number>,
  ) {}

  activeOf(serviceId: string): number {
    return this.services.get(serviceId) ?? 0;
  }

  with(task: Task, sign: 1 | -1, edit: Edit): Tally {
    const active = isWantedActive(task) ? sign : 0;
    const { nanoCpus = 0n, memoryBytes = 0n } = task.spec?.resources?.reservations ?? nothing;
    return new Tally(
      this.holders + sign,
      this.active + active,
      nanoCpus === 0n ? this.nanoCpus : this.nanoCpus + BigInt(sign) * nanoCpus,
      memoryBytes === 0n ? this.memoryBytes : this.memoryBytes + BigInt(sign) * memoryBytes,
      active === 0 ? this.services : counted(this.services, task.serviceId, active, edit),
    );
  }
}

const nothing = { nanoCpus: 0n, memoryBytes: 0n };

/** The tallies when a task becomes another, comes (`before` is undefined) or goes. */
export function tallied(
  tallies: Trie<Tally>,
  before: Task | undefined,
  after: Task | undefined,
  edit: Edit,
): Trie<Tally> {
  const held = before !== undefined && holdsResources(before) ? before : undefined;
  const holds = after !== undefined && holdsResources(after) ? after : undefined;
  if (held === holds || (held !== undefined && holds !== undefined && weighsTheSame(held, holds)))
    return tallies;
  const without = held === undefined ? tallies : moved(tallies, held, -1, edit);
  return holds === undefined ? without : moved(without, holds, 1, edit);
}

const weighsTheSame = (a: Task, b: Task): boolean =>
  a.nodeId === b.nodeId &&
  a.serviceId === b.serviceId &&
  a.spec === b.spec &&
  isWantedActive(a) === isWantedActive(b);

function moved(tallies: Trie<Tally>, task: Task, sign: 1 | -1, edit: Edit): Trie<Tally> {
  const tally = (tallies.get(task.nodeId) ?? Tally.none).with(task, sign, edit);
  return tally.holders === 0
    ? tallies.delete(task.nodeId, edit)
    : tallies.set(task.nodeId, tally, edit);
}

function counted(services: Trie<number>, id: string, by: number, edit: Edit): Trie<number> {
  const count = (services.get(id) ?? 0) + by;
  return count === 0 ? services.delete(id, edit) : services.set(id, count, edit);
}
