/** Quiet slots of a service that are alike to an update: how many, which, and since when they run. */
import type { SlotGroup } from '@swarmkit/sdk/contracts/store';
import { isStarting, type QuietSlot, secondOf, settledAt } from '@swarmkit/sdk/model/quiet-slot';
import type { Task } from '@swarmkit/sdk/wire/gen/swarmkit/objects';
import { SlotNumbers } from './slot-numbers.js';
import { type Edit, Trie } from './trie.js';

export class SlotGroupTally implements SlotGroup {
  private constructor(
    readonly count: number,
    private readonly sample: QuietSlot,
    private readonly notYet: SlotNumbers,
    private readonly now: SlotNumbers,
    private readonly bySecond: Trie<SlotNumbers>,
  ) {}

  static of = (sample: QuietSlot): SlotGroupTally =>
    new SlotGroupTally(0, sample, SlotNumbers.none, SlotNumbers.none, Trie.empty());

  get live(): Task {
    return this.sample.live;
  }

  get before(): Task | undefined {
    return this.sample.before;
  }

  get overtaken(): boolean {
    return this.sample.overtaken;
  }

  has(slot: bigint): boolean {
    return this.now.has(slot) || this.notYet.has(slot);
  }

  starting(limit: number, leftOut: (slot: bigint) => boolean): readonly bigint[] {
    return this.notYet.lowest(limit, leftOut);
  }

  running(limit: number, leftOut: (slot: bigint) => boolean): readonly bigint[] {
    return this.now.lowest(limit, leftOut);
  }

  get seconds(): readonly number[] {
    const seconds: number[] = [];
    this.bySecond.forEach((_slots, second) => {
      seconds.push(Number(second));
    });
    return seconds;
  }

  inSecond(second: number): readonly bigint[] {
    const slots = this.bySecond.get(String(second)) ?? SlotNumbers.none;
    return slots.lowest(Number.POSITIVE_INFINITY, () => false);
  }

  /** The slot comes, or goes: it is what it is now in either case. */
  with({ live }: QuietSlot, sign: 1 | -1, edit: Edit): SlotGroupTally {
    const { slot } = live;
    const count = this.count + sign;
    if (isStarting(live)) {
      const notYet = this.notYet.flipped(slot, edit);
      return new SlotGroupTally(count, this.sample, notYet, this.now, this.bySecond);
    }
    const second = String(secondOf(settledAt(live)));
    const slots = (this.bySecond.get(second) ?? SlotNumbers.none).flipped(slot, edit);
    return new SlotGroupTally(
      count,
      this.sample,
      this.notYet,
      this.now.flipped(slot, edit),
      slots.isEmpty ? this.bySecond.delete(second, edit) : this.bySecond.set(second, slots, edit),
    );
  }
}
