import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { unseal } from '@swarmkit/plugin-ca/offline';
import type { ObjectKind } from '@swarmkit/sdk/contracts/store';
import { objectKinds } from '@swarmkit/sdk/model/object-name';
import { FastReader } from '@swarmkit/sdk/wire/fast-reader';
import { Snapshot as RaftSnapshot } from '@swarmkit/sdk/wire/gen/raftpb/raft';
import { StoreSnapshot } from '@swarmkit/sdk/wire/gen/swarmkit/snapshot';
import { openStateFolder } from '@swarmkit/swarmd/offline';

/**
 * The objects in a manager's store snapshots as the bytes that lie on its disk, of both kinds of managers:
 * an engine's files are read without any of SwarmKit's code, ours with what operators have.
 */

/** Bytes by `kind id`. */
export type RawObjects = ReadonlyMap<string, Buffer>;

/** Of an engine: raft index to what its snapshot there holds. */
export function engineSnapshots(swarmDir: string): ReadonlyMap<bigint, RawObjects> {
  const folder = path.join(swarmDir, 'raft/snap-v3-encrypted');
  const keyFile = readFileSync(path.join(swarmDir, 'certificates/swarm-node.key'), 'utf8');
  const header = /^raft-dek: (.*)$/m.exec(keyFile)?.[1];
  if (header === undefined) throw new Error('the key file names no data key');
  const dataKey = unseal(Buffer.from(header, 'base64'), undefined);
  const found = new Map<bigint, RawObjects>();
  for (const name of engineSnapshotFiles(swarmDir)) {
    const whole = attempt(() => field(readFileSync(path.join(folder, name)), 2));
    // It is written in place: an engine that was killed leaves half of one, and passes over it too.
    if (whole === undefined) continue;
    const { metadata, data } = RaftSnapshot.decode(whole);
    const store = field(Buffer.from(unseal(data, dataKey)), 3);
    found.set(metadata.index, rawObjects(store ?? Buffer.alloc(0)));
  }
  return found;
}

/** `term-index.snap`, oldest first. */
export function engineSnapshotFiles(swarmDir: string): readonly string[] {
  try {
    return readdirSync(path.join(swarmDir, 'raft/snap-v3-encrypted'))
      .filter((name) => name.endsWith('.snap'))
      .sort();
  } catch {
    return [];
  }
}

/** Of a manager of ours that does not run. */
export async function ourSnapshots(stateDir: string): Promise<ReadonlyMap<bigint, RawObjects>> {
  const { log, close } = await openStateFolder(stateDir);
  try {
    const found = new Map<bigint, RawObjects>();
    for (const index of await log.olderSnapshots())
      found.set(index, rawObjects(Buffer.from((await log.olderStore(index)) ?? [])));
    const newest = log.facts.snapshot?.index;
    if (newest !== undefined) found.set(newest, rawObjects(Buffer.from(log.storeSnapshot ?? [])));
    return found;
  } finally {
    await close();
  }
}

const kindByField: Readonly<Record<number, ObjectKind>> = {
  ...{ 1: 'node', 2: 'service', 3: 'network', 4: 'task', 5: 'cluster' },
  ...{ 6: 'secret', 7: 'resource', 8: 'extension', 9: 'config', 10: 'volume' },
};

function rawObjects(store: Buffer): RawObjects {
  const objects = new Map<string, Buffer>();
  eachField(store, (number, bytes) => {
    const id = field(bytes, 1)?.toString() ?? '';
    objects.set(`${kindByField[number] ?? number} ${id}`, bytes);
  });
  return objects;
}

function attempt<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch {
    return undefined;
  }
}

/** The last field of this number, of those that hold bytes. */
function field(message: Buffer, wanted: number): Buffer | undefined {
  let found: Buffer | undefined;
  eachField(message, (number, bytes) => {
    if (number === wanted) found = bytes;
  });
  return found;
}

function eachField(message: Buffer, visit: (number: number, bytes: Buffer) => void): void {
  const reader = new FastReader(message);
  while (reader.pos < message.length) {
    const tag = reader.uint32();
    if ((tag & 7) !== 2) {
      reader.skip(tag & 7, tag >>> 3);
      continue;
    }
    const bytes = reader.bytes();
    visit(tag >>> 3, Buffer.from(bytes));
  }
}

/**
 * The same object with its maps in the order of their keys: Go writes a map in another order every time,
 * so that even one engine's bytes differ from its own. Throws where our codec would lose a byte of it.
 */
export function withSortedMaps(name: string, bytes: Buffer): Buffer {
  const message = alone(name, bytes);
  const sorted = StoreSnapshot.encode(sortedKeys(StoreSnapshot.decode(message))).finish();
  if (sorted.length !== message.length)
    throw new Error(`${name}: ${message.length} bytes became ${sorted.length} in our codec`);
  return Buffer.from(sorted);
}

/** A snapshot with nothing else in it. */
function alone(name: string, bytes: Buffer): Buffer {
  const kind = name.split(' ')[0] as ObjectKind;
  const number = Object.entries(kindByField).find(([, one]) => one === kind)?.[0] ?? '';
  const size: number[] = [];
  for (let rest = bytes.length; ; rest = Math.floor(rest / 128)) {
    size.push(rest > 127 ? (rest % 128) | 128 : rest);
    if (rest < 128) break;
  }
  return Buffer.concat([Buffer.of((Number(number) << 3) | 2, ...size), bytes]);
}

/** Where two versions of an object differ, as `path: one / other`. */
export function differences(name: string, one: Buffer, other: Buffer): readonly string[] {
  const of = (bytes: Buffer): ReadonlyMap<string, string> =>
    leaves('', sortedKeys(StoreSnapshot.decode(alone(name, bytes))), new Map());
  const [a, b] = [of(one), of(other)];
  return [...new Set([...a.keys(), ...b.keys()])]
    .filter((path) => a.get(path) !== b.get(path))
    .map((path) => `${path}: ${a.get(path) ?? 'absent'} / ${b.get(path) ?? 'absent'}`);
}

function leaves(path: string, value: unknown, found: Map<string, string>): Map<string, string> {
  if (value === undefined) return found;
  if (value instanceof Uint8Array) return found.set(path, Buffer.from(value).toString('hex'));
  if (value === null || typeof value !== 'object') return found.set(path, String(value));
  const entries = Object.entries(value);
  if (entries.length === 0 && !path.endsWith('_unknownFields')) found.set(path, 'empty');
  for (const [key, inner] of entries) leaves(`${path}.${key}`, inner, found);
  return found;
}

/** Of every object in it; the order of a message's own fields is not that of its properties anyway. */
function sortedKeys<T>(value: T): T {
  if (value === null || typeof value !== 'object' || ArrayBuffer.isView(value)) return value;
  if (Array.isArray(value)) return value.map(sortedKeys) as T;
  return Object.fromEntries(
    Object.entries(value)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([key, inner]) => [key, sortedKeys(inner)]),
  ) as T;
}

export const countByKind = (objects: RawObjects): Readonly<Record<string, number>> =>
  Object.fromEntries(
    objectKinds.map((kind) => [
      kind,
      [...objects.keys()].filter((name) => name.startsWith(`${kind} `)).length,
    ]),
  );
