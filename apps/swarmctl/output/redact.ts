import type { JsonValue } from '@swarmkit/sdk/wire/json';

/**
 * An object of the store without what must not be seen: keys, tokens, the data of secrets and configs,
 * passwords of registries. The Control API leaves these out by itself; what is read off a disk has them.
 */
const hidden = new Set([
  'caKey',
  'signingCaKey',
  'joinTokens',
  'unlockKeys',
  'networkBootstrapKeys',
  'registryAuth',
  'data',
  'payload',
  'networkBootstrapKey',
]);

export function redacted(value: JsonValue): JsonValue {
  if (Array.isArray(value)) return value.map((item) => redacted(item as JsonValue));
  if (typeof value !== 'object') return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, inner]) => [
      key,
      hidden.has(key) ? '(not shown)' : redacted(inner),
    ]),
  );
}
