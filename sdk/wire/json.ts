// Prints any generated message as an object that JSON can hold: for people and their scripts.
// There is no way back, and it is not protobuf's JSON mapping: field names are those of the
// generated types, and enum values stay numbers, since messages do not know their descriptors.
import { putKey } from './map-key.js';

export type JsonValue =
  | string
  | number
  | boolean
  | readonly JsonValue[]
  | { readonly [key: string]: JsonValue };

/**
 * Integers of 64 bits are numbers where a number holds them exactly, else strings; bytes are
 * base64; a oneof `{ $case: 'replicated', value }` is `{ replicated: value }`; numbers that JSON
 * does not have are the strings 'NaN', 'Infinity' and '-Infinity'. Absent fields are left out,
 * and so are fields that this version does not know.
 */
export function toJson(message: object): { readonly [key: string]: JsonValue } {
  const json: { [key: string]: JsonValue } = {};
  for (const [key, value] of Object.entries(message)) {
    // A label may have this name too; the field holds an object, the label a string.
    if (key === '_unknownFields' && typeof value === 'object') continue;
    const printed = print(value);
    if (printed !== undefined) putKey(json, key, printed);
  }
  return json;
}

function print(value: unknown): JsonValue | undefined {
  switch (typeof value) {
    case 'string':
    case 'boolean':
      return value;
    case 'number':
      return Number.isFinite(value) ? value : String(value);
    case 'bigint': {
      const number = Number(value);
      return Number.isSafeInteger(number) ? number : String(value);
    }
    case 'object':
      break;
    default:
      return undefined;
  }
  if (value === null) return undefined;
  if (value instanceof Uint8Array) {
    return Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString('base64');
  }
  if (Array.isArray(value)) return value.map((item) => print(item) ?? {});
  return isOneof(value) ? toJson({ [value.$case]: value.value }) : toJson(value);
}

/**
 * A map of labels looks like a oneof when it has just the labels `$case` and `value`; then it is
 * printed like one. Nothing but the look of the printed text depends on this.
 */
function isOneof(value: object): value is { $case: string; value: unknown } {
  return (
    Object.keys(value).length === 2 &&
    Object.hasOwn(value, 'value') &&
    Object.hasOwn(value, '$case') &&
    typeof (value as { $case: unknown }).$case === 'string'
  );
}
