/**
 * Equality of wire values: messages, lists, maps, bytes, 64-bit numbers.
 * An absent field equals one that is `undefined`, and an empty `_unknownFields` equals none, so that a
 * decoded object equals the same one made by hand.
 */
export function wireEqual(a: unknown, b: unknown): boolean {
  if (Object.is(a, b)) return true;
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return false;
  if (a instanceof Uint8Array || b instanceof Uint8Array)
    return a instanceof Uint8Array && b instanceof Uint8Array && bytesEqual(a, b);
  if (Array.isArray(a) || Array.isArray(b)) {
    if (!Array.isArray(a) || !Array.isArray(b) || a.length !== b.length) return false;
    return a.every((value, i) => wireEqual(value, b[i]));
  }
  const left = a as Readonly<Record<string, unknown>>;
  const right = b as Readonly<Record<string, unknown>>;
  for (const key in left) {
    if (!fieldEqual(key, left[key], right[key])) return false;
  }
  for (const key in right) {
    if (!(key in left) && !fieldEqual(key, undefined, right[key])) return false;
  }
  return true;
}

const nothing: Readonly<Record<string, unknown>> = {};

const fieldEqual = (key: string, a: unknown, b: unknown): boolean =>
  key === '_unknownFields' ? wireEqual(a ?? nothing, b ?? nothing) : wireEqual(a, b);

export function bytesEqual(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}
