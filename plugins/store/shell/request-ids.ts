import type { Random } from '@swarmkit/sdk/plugin/env';

/**
 * Ids of proposals: counted up from a random start, so that two members, or one member before and after
 * a restart, do not take each other's entries for their own.
 */
export function requestIds(random: Random): () => bigint {
  const bytes = random.bytes(8);
  let last = 0n;
  for (const byte of bytes) last = (last << 8n) | BigInt(byte);
  return () => {
    last = BigInt.asUintN(64, last + 1n);
    // 0 stands for no id.
    if (last === 0n) last = 1n;
    return last;
  };
}
