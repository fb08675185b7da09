import type { EncryptionKey } from '@swarmkit/sdk/wire/gen/swarmkit/types';

/**
 * Whether a list of network keys says something new: a key of a time that was not heard of in its
 * subsystem. A list that only leaves keys out comes from a manager that is behind.
 */
export function hasNewKey(
  known: readonly EncryptionKey[],
  heard: readonly EncryptionKey[],
): boolean {
  const times = new Set(known.map(keyTime));
  return heard.some((key) => !times.has(keyTime(key)));
}

const keyTime = ({ subsystem, lamportTime }: EncryptionKey): string =>
  `${subsystem} ${lamportTime}`;
