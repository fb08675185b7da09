/** A set of slot numbers, as bits: many, close together, changed one by one, and part of an unchanging state. */
import { type Edit, Trie } from './trie.js';

const inSet = 256n;
const wordsInSet = 8;

export class SlotNumbers {
  static readonly none = new SlotNumbers(Trie.empty());

  private constructor(private readonly sets: Trie<Uint32Array>) {}

  get isEmpty(): boolean {
    return this.sets.size === 0;
  }

  has(slot: bigint): boolean {
    const set = this.sets.get(keyOf(slot));
    const at = Number(slot % inSet);
    return set !== undefined && isSet(set, at);
  }

  /** With the number where it was not there, without it where it was. */
  flipped(slot: bigint, edit: Edit): SlotNumbers {
    const key = keyOf(slot);
    // Never changed in place: an older state may still read it.
    const set = this.sets.get(key)?.slice() ?? new Uint32Array(wordsInSet);
    const at = Number(slot % inSet);
    set[at >>> 5] = (set[at >>> 5] as number) ^ (1 << (at & 31));
    return new SlotNumbers(
      set.every((word) => word === 0) ? this.sets.delete(key, edit) : this.sets.set(key, set, edit),
    );
  }

  /** The lowest number from this one on that is not in it. */
  freeFrom(from: bigint): bigint {
    for (let slot = from; ; ) {
      const set = this.sets.get(keyOf(slot));
      if (set === undefined) return slot;
      const first = slot - (slot % inSet);
      for (let at = Number(slot - first); at < Number(inSet); at++)
        if (!isSet(set, at)) return first + BigInt(at);
      slot = first + inSet;
    }
  }

  /** Lowest first. */
  lowest(limit: number, leftOut: (slot: bigint) => boolean): readonly bigint[] {
    const found: bigint[] = [];
    if (limit <= 0) return found;
    const keys: number[] = [];
    this.sets.forEach((_set, key) => {
      keys.push(Number(key));
    });
    for (const key of keys.sort((a, b) => a - b)) {
      const set = this.sets.get(String(key)) as Uint32Array;
      const first = BigInt(key) * inSet;
      for (let at = 0; at < Number(inSet); at++) {
        if (!isSet(set, at) || leftOut(first + BigInt(at))) continue;
        found.push(first + BigInt(at));
        if (found.length === limit) return found;
      }
    }
    return found;
  }
}

const keyOf = (slot: bigint): string => String(slot / inSet);

const isSet = (set: Uint32Array, at: number): boolean =>
  ((set[at >>> 5] as number) & (1 << (at & 31))) !== 0;
