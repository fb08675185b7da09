/**
 * The quiet slots of a service that an update need not read: told from the store's count of them by group.
 * What has to be looked at one by one is named when this is made, and read before anything is decided;
 * the rest is outdated, or has its new task running since a known second.
 */
import type { SlotGroup } from '@swarmkit/sdk/contracts/store';
import { isCleanForGood, isDirtyForGood } from '@swarmkit/sdk/model/dirty-task';
import { secondOf } from '@swarmkit/sdk/model/quiet-slot';
import type { Service, Task } from '@swarmkit/sdk/wire/gen/swarmkit/objects';

/** outdated: to be replaced. updated: its live task is the update's own. settled: no update ever touched it. */
type Kind = 'outdated' | 'updated' | 'settled' | 'unclear';

export class HiddenSlots {
  private constructor(
    private readonly service: Service,
    private readonly outdated: readonly SlotGroup[],
    private readonly updated: readonly SlotGroup[],
    private readonly unclear: readonly SlotGroup[],
    private readonly isRead: (slot: bigint) => boolean,
  ) {}

  /**
   * undefined: whether tasks are out of date depends on more than their specs, so all have to be read.
   * `isForgetful`: the history of a slot is too short to tell what its live task replaced.
   */
  static of(
    service: Service,
    groups: readonly SlotGroup[],
    isForgetful: boolean,
    isRead: (slot: bigint) => boolean,
  ): HiddenSlots | undefined {
    const byKind = { outdated: [], updated: [], settled: [], unclear: [] } as Record<
      Kind,
      SlotGroup[]
    >;
    for (const group of groups) {
      const kind = kindOf(service, group, isForgetful);
      if (kind === undefined) return undefined;
      byKind[kind].push(group);
    }
    return new HiddenSlots(service, byKind.outdated, byKind.updated, byKind.unclear, isRead);
  }

  /**
   * Those that may be under way, have a history that counts, or whose rest or watch ends in the second that
   * it is now. `spans`: how long they rest and are watched, ms.
   */
  toRead(now: number, spans: readonly number[]): readonly bigint[] {
    const all = (group: SlotGroup) => [
      ...group.starting(Number.POSITIVE_INFINITY, this.isRead),
      ...group.running(Number.POSITIVE_INFINITY, this.isRead),
    ];
    const ending = new Set(spans.map((span) => secondOf(now - span)));
    return [
      ...this.unclear.flatMap(all),
      ...this.updated.flatMap((group) => [
        ...group.starting(Number.POSITIVE_INFINITY, this.isRead),
        ...group.seconds.filter((second) => ending.has(second)).flatMap((at) => group.inSecond(at)),
      ]),
    ];
  }

  get hasOutdated(): boolean {
    return this.nextOutdated(1).length > 0;
  }

  /** Those to be replaced first: what does not run has nothing to lose; then by number. */
  nextOutdated(limit: number): readonly bigint[] {
    const starting = this.lowest(limit, (group) => group.starting(limit, this.isRead));
    const left = limit - starting.length;
    return [...starting, ...this.lowest(left, (group) => group.running(left, this.isRead))];
  }

  /** How many began to run less than this long ago, and no later than when the first of them has done so. */
  since(
    spanMs: number,
    now: number,
  ): { readonly count: number; readonly until: readonly number[] } {
    let count = 0;
    const until: number[] = [];
    for (const group of this.updated)
      for (const second of group.seconds) {
        const from = Math.min(second * 1000, now);
        if (from + spanMs <= now) continue;
        const slots = group.inSecond(second).filter((slot) => !this.isRead(slot)).length;
        if (slots === 0) continue;
        count += slots;
        until.push(from + spanMs);
      }
    return { count, until };
  }

  /** How many the update has to do with, and is done with or not. */
  get total(): number {
    // Made since the service changed; those of an earlier update are not this one's.
    const own = this.updated.filter(
      ({ live }) => live.specVersion?.index === this.service.specVersion?.index,
    );
    return [...this.outdated, ...own].reduce((sum, group) => sum + this.unread(group), 0);
  }

  private unread(group: SlotGroup): number {
    const all = Number.POSITIVE_INFINITY;
    return group.starting(all, this.isRead).length + group.running(all, this.isRead).length;
  }

  private lowest(limit: number, of: (group: SlotGroup) => readonly bigint[]): readonly bigint[] {
    return this.outdated
      .flatMap(of)
      .sort((a, b) => Number(a - b))
      .slice(0, limit);
  }
}

function kindOf(service: Service, group: SlotGroup, isForgetful: boolean): Kind | undefined {
  const { live, before, overtaken } = group;
  const isOutdated = dirt(service, live);
  const wasOutdated = before === undefined ? isForgetful : dirt(service, before);
  if (isOutdated === undefined || wasOutdated === undefined) return undefined;
  if (overtaken) return 'unclear';
  if (isOutdated) return 'outdated';
  if (wasOutdated) return 'updated';
  return before === undefined ? 'settled' : 'unclear';
}

/** undefined: it depends on its node, or on its state. */
function dirt(service: Service, task: Task): boolean | undefined {
  if (isDirtyForGood(service, task)) return true;
  return isCleanForGood(service, task) ? false : undefined;
}
