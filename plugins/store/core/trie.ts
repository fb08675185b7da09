/**
 * A persistent map from strings: changing one gives a new one that shares all but a path with the old,
 * which stays as it was. So a pin, a draft and a rollback are one reference each.
 * A compressed hash trie (32 ways; Steindorff's CHAMP layout: entries first, children from the end).
 * Its shape, and so its order, depends on the keys alone, not on the history.
 * Nodes that carry the caller's `Edit` are not shared yet and are changed in place; nodes of any other
 * edit are never touched.
 */

/** Marks the nodes made by one run of changes. Drop it and they are frozen. */
export class Edit {}

interface TrieNode {
  readonly edit: Edit | undefined;
  /** Which of the 32 places hold an entry, and which a child. Both 0 at the bottom, where hashes are equal. */
  entries: number;
  children: number;
  /** key, value, key, value, …, child 1, child 0. */
  slots: unknown[];
}

const bitsPerLevel = 5;
/** Below this shift the 32 bits of the hash are used up. */
const bottom = 35;

export class Trie<V> {
  private constructor(
    private root: TrieNode,
    private count: number,
    private readonly edit: Edit | undefined,
  ) {}

  private static readonly nothing = new Trie<never>(
    { edit: undefined, entries: 0, children: 0, slots: [] },
    0,
    undefined,
  );

  static empty<V>(): Trie<V> {
    return Trie.nothing;
  }

  get size(): number {
    return this.count;
  }

  get(key: string): V | undefined {
    const hash = hashOf(key);
    let node = this.root;
    for (let shift = 0; shift < bottom; shift += bitsPerLevel) {
      const bit = 1 << ((hash >>> shift) & 31);
      const { slots } = node;
      if ((node.entries & bit) !== 0) {
        const at = entryAt(node, bit);
        return slots[at] === key ? (slots[at + 1] as V) : undefined;
      }
      if ((node.children & bit) === 0) return undefined;
      node = slots[childAt(node, bit)] as TrieNode;
    }
    const at = collisionAt(node, key);
    return node.slots[at] === key ? (node.slots[at + 1] as V) : undefined;
  }

  has(key: string): boolean {
    return this.get(key) !== undefined;
  }

  /** `value` must not be undefined. */
  set(key: string, value: V, edit?: Edit): Trie<V> {
    outcome.added = false;
    const root = insert(this.root, 0, hashOf(key), key, value, edit);
    if (root === this.root && !outcome.added) return this;
    return this.with(root, this.count + (outcome.added ? 1 : 0), edit);
  }

  delete(key: string, edit?: Edit): Trie<V> {
    const root = remove(this.root, 0, hashOf(key), key, edit);
    return root === undefined ? this : this.with(root, this.count - 1, edit);
  }

  /** In an order that depends on the keys alone. */
  forEach(visit: (value: V, key: string) => void): void {
    walk(this.root, visit as (value: unknown, key: string) => void);
  }

  /** Like `forEach`, for a walk that pauses. The trie must not be edited in place meanwhile. */
  *values(): Generator<V> {
    yield* valuesOf(this.root) as Generator<V>;
  }

  private with(root: TrieNode, count: number, edit: Edit | undefined): Trie<V> {
    if (edit === undefined || this.edit !== edit) return new Trie<V>(root, count, edit);
    this.root = root;
    this.count = count;
    return this;
  }
}

/** What the last `insert` did, beside the node it returned. */
const outcome = { added: false };

function insert(
  node: TrieNode,
  shift: number,
  hash: number,
  key: string,
  value: unknown,
  edit: Edit | undefined,
): TrieNode {
  if (shift >= bottom) return insertCollision(node, key, value, edit);
  const bit = 1 << ((hash >>> shift) & 31);
  if ((node.children & bit) !== 0) {
    const at = childAt(node, bit);
    const child = node.slots[at] as TrieNode;
    const next = insert(child, shift + bitsPerLevel, hash, key, value, edit);
    return next === child ? node : replace(node, at, next, edit);
  }
  const at = entryAt(node, bit);
  if ((node.entries & bit) === 0) {
    outcome.added = true;
    const own = owned(node, edit);
    own.slots = withEntry(own.slots, at, key, value);
    own.entries |= bit;
    return own;
  }
  const otherKey = node.slots[at] as string;
  const otherValue = node.slots[at + 1];
  if (otherKey === key) return otherValue === value ? node : replace(node, at + 1, value, edit);
  // Two keys in one place: both move down into a child.
  outcome.added = true;
  const below = shift + bitsPerLevel;
  const child = insert(
    single(hashOf(otherKey), below, otherKey, otherValue, edit),
    below,
    hash,
    key,
    value,
    edit,
  );
  const own = owned(node, edit);
  own.entries &= ~bit;
  own.children |= bit;
  own.slots = entryToChild(own.slots, at, childAt(own, bit) - 1, child);
  return own;
}

/** undefined: there was nothing to remove. */
function remove(
  node: TrieNode,
  shift: number,
  hash: number,
  key: string,
  edit: Edit | undefined,
): TrieNode | undefined {
  if (shift >= bottom) {
    const at = collisionAt(node, key);
    if (node.slots[at] !== key) return undefined;
    const own = owned(node, edit);
    own.slots = withoutEntry(own.slots, at);
    return own;
  }
  const bit = 1 << ((hash >>> shift) & 31);
  if ((node.entries & bit) !== 0) {
    const at = entryAt(node, bit);
    if (node.slots[at] !== key) return undefined;
    const own = owned(node, edit);
    own.slots = withoutEntry(own.slots, at);
    own.entries &= ~bit;
    return own;
  }
  if ((node.children & bit) === 0) return undefined;
  const at = childAt(node, bit);
  const child = node.slots[at] as TrieNode;
  const next = remove(child, shift + bitsPerLevel, hash, key, edit);
  if (next === undefined) return undefined;
  if (next.children !== 0 || next.slots.length !== 2)
    return next === child ? node : replace(node, at, next, edit);
  // One entry left down there: it moves up, so that equal contents have equal shapes.
  const own = owned(node, edit);
  own.children &= ~bit;
  own.entries |= bit;
  own.slots = childToEntry(own.slots, at, entryAt(own, bit), next.slots);
  return own;
}

function single(
  hash: number,
  shift: number,
  key: string,
  value: unknown,
  edit: Edit | undefined,
): TrieNode {
  const entries = shift >= bottom ? 0 : 1 << ((hash >>> shift) & 31);
  return { edit, entries, children: 0, slots: [key, value] };
}

function insertCollision(
  node: TrieNode,
  key: string,
  value: unknown,
  edit: Edit | undefined,
): TrieNode {
  const at = collisionAt(node, key);
  if (node.slots[at] === key)
    return node.slots[at + 1] === value ? node : replace(node, at + 1, value, edit);
  outcome.added = true;
  const own = owned(node, edit);
  own.slots = withEntry(own.slots, at, key, value);
  return own;
}

/** Where the key is or belongs: keys with equal hashes stand in their own order. */
function collisionAt(node: TrieNode, key: string): number {
  const { slots } = node;
  let at = 0;
  while (at < slots.length && (slots[at] as string) < key) at += 2;
  return at;
}

/** A node that may be given other slots. Those it has may still be shared: never write into them. */
const owned = (node: TrieNode, edit: Edit | undefined): TrieNode =>
  edit !== undefined && node.edit === edit
    ? node
    : { edit, entries: node.entries, children: node.children, slots: node.slots };

function replace(node: TrieNode, at: number, value: unknown, edit: Edit | undefined): TrieNode {
  if (edit !== undefined && node.edit === edit) {
    node.slots[at] = value;
    return node;
  }
  const slots = node.slots.slice();
  slots[at] = value;
  return { edit, entries: node.entries, children: node.children, slots };
}

// Slots are always rebuilt in their exact size: an array that grows by itself keeps room for 16 more.

function withEntry(slots: readonly unknown[], at: number, key: string, value: unknown): unknown[] {
  const next = new Array<unknown>(slots.length + 2);
  for (let i = 0; i < at; i++) next[i] = slots[i];
  next[at] = key;
  next[at + 1] = value;
  for (let i = at; i < slots.length; i++) next[i + 2] = slots[i];
  return next;
}

function withoutEntry(slots: readonly unknown[], at: number): unknown[] {
  const next = new Array<unknown>(slots.length - 2);
  for (let i = 0; i < at; i++) next[i] = slots[i];
  for (let i = at + 2; i < slots.length; i++) next[i - 2] = slots[i];
  return next;
}

/** The entry goes, and a child comes to stand at `to` in what is left. */
function entryToChild(
  slots: readonly unknown[],
  at: number,
  to: number,
  child: TrieNode,
): unknown[] {
  const next = new Array<unknown>(slots.length - 1);
  for (let i = 0; i < at; i++) next[i] = slots[i];
  for (let i = at; i < to; i++) next[i] = slots[i + 2];
  next[to] = child;
  for (let i = to + 1; i < next.length; i++) next[i] = slots[i + 1];
  return next;
}

/** The child goes, and its only entry comes to stand at `to`. */
function childToEntry(
  slots: readonly unknown[],
  at: number,
  to: number,
  entry: readonly unknown[],
): unknown[] {
  const next = new Array<unknown>(slots.length + 1);
  for (let i = 0; i < to; i++) next[i] = slots[i];
  next[to] = entry[0];
  next[to + 1] = entry[1];
  for (let i = to; i < at; i++) next[i + 2] = slots[i];
  for (let i = at + 1; i < slots.length; i++) next[i + 1] = slots[i];
  return next;
}

function walk(node: TrieNode, visit: (value: unknown, key: string) => void): void {
  const { slots } = node;
  const entriesEnd = slots.length - bitCount(node.children);
  for (let i = 0; i < entriesEnd; i += 2) visit(slots[i + 1], slots[i] as string);
  for (let i = slots.length - 1; i >= entriesEnd; i--) walk(slots[i] as TrieNode, visit);
}

function* valuesOf(node: TrieNode): Generator<unknown> {
  const { slots } = node;
  const entriesEnd = slots.length - bitCount(node.children);
  for (let i = 0; i < entriesEnd; i += 2) yield slots[i + 1];
  for (let i = slots.length - 1; i >= entriesEnd; i--) yield* valuesOf(slots[i] as TrieNode);
}

const entryAt = (node: TrieNode, bit: number): number => 2 * bitCount(node.entries & (bit - 1));

const childAt = (node: TrieNode, bit: number): number =>
  node.slots.length - 1 - bitCount(node.children & (bit - 1));

function bitCount(bits: number): number {
  let n = bits - ((bits >>> 1) & 0x55555555);
  n = (n & 0x33333333) + ((n >>> 2) & 0x33333333);
  return Math.imul((n + (n >>> 4)) & 0x0f0f0f0f, 0x01010101) >>> 24;
}

/** FNV-1a, with a last mix so that the low bits, which are used first, depend on every character. */
function hashOf(key: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < key.length; i++) hash = Math.imul(hash ^ key.charCodeAt(i), 0x01000193);
  hash ^= hash >>> 15;
  hash = Math.imul(hash, 0x2c1b3c6d);
  return hash ^ (hash >>> 12);
}
