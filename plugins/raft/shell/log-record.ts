/**
 * Keys of the `raft` space. What their values are wrapped in is `LogCipher`'s.
 */
const ENTRY_PREFIX = 'entry/';
const CHUNK_PREFIX = 'chunk/';
const OLDER_PREFIX = 'older/';

/** Who this log belongs to: a serialized `RaftMember`. */
export const MEMBER_KEY = Buffer.from('member');
export const HARD_STATE_KEY = Buffer.from('hard-state');
/** What a newcomer was answered when it was taken in: a serialized `JoinResponse`. */
export const JOINED_KEY = Buffer.from('joined');
/** The newest whole snapshot: its metadata and how many chunks its data has. */
export const SNAPSHOT_KEY = Buffer.from('snapshot');

/** The same of snapshots before it, as far as they are kept. */
export const olderKey = (index: bigint): Buffer => numbered(OLDER_PREFIX, index);

export const indexOfOlderKey = (key: Uint8Array): bigint =>
  Buffer.from(key).readBigUInt64BE(OLDER_PREFIX.length);

export const OLDER_RANGE = { gte: Buffer.from(OLDER_PREFIX), lt: Buffer.from('older0') };

export const entryKey = (index: bigint): Buffer => numbered(ENTRY_PREFIX, index);

export const indexOfEntryKey = (key: Uint8Array): bigint =>
  Buffer.from(key).readBigUInt64BE(ENTRY_PREFIX.length);

/** All entries, whatever their index. '0' follows '/'. */
export const ENTRY_RANGE = { gte: Buffer.from(ENTRY_PREFIX), lt: Buffer.from('entry0') };

export function chunkKey(snapshotIndex: bigint, chunk: number): Buffer {
  const key = Buffer.alloc(CHUNK_PREFIX.length + 12);
  numbered(CHUNK_PREFIX, snapshotIndex).copy(key);
  key.writeUInt32BE(chunk, CHUNK_PREFIX.length + 8);
  return key;
}

export const CHUNK_RANGE = { gte: Buffer.from(CHUNK_PREFIX), lt: Buffer.from('chunk0') };

export const snapshotOfChunkKey = (key: Uint8Array): bigint =>
  Buffer.from(key).readBigUInt64BE(CHUNK_PREFIX.length);

function numbered(prefix: string, index: bigint): Buffer {
  const key = Buffer.alloc(prefix.length + 8);
  key.write(prefix, 'latin1');
  key.writeBigUInt64BE(index, prefix.length);
  return key;
}
