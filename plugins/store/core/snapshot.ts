/**
 * The whole state as a serialized `StoreSnapshot`, and back. Encoding is a generator of slices: one after
 * the other they are the snapshot (a protobuf message may be cut between two fields), and between two of
 * them the caller may let others work.
 */
import type { Change, ObjectKind, Objects } from '@swarmkit/sdk/contracts/store';
import { objectKinds } from '@swarmkit/sdk/model/object-name';
import { FastReader } from '@swarmkit/sdk/wire/fast-reader';
import { wireEqual } from '@swarmkit/sdk/model/wire-equal';
import { StoreSnapshot } from '@swarmkit/sdk/wire/gen/swarmkit/snapshot';
import { changeOf } from './journal.js';
import { shareSpecOf } from './sharing.js';
import { emptyState, type State, StateEditor } from './state.js';

/** Objects a slice: 100 tasks of 700 bytes are about 0.4 ms, on every manager at the same entry. */
const objectsInSlice = 100;
/** What is decoded at once, in about 2 ms: a few dozen tasks by bytes, or small objects by number. */
const bytesInSlice = 16 * 1024;
const decodedAtOnce = 100;
/** A look-up each, in less than that. */
const lookedAtOnce = 2_000;

/** Fields of StoreSnapshot. Services come before tasks, so that a reader can share their specs. */
const fieldOf = {
  node: 'nodes',
  service: 'services',
  network: 'networks',
  task: 'tasks',
  cluster: 'clusters',
  secret: 'secrets',
  resource: 'resources',
  extension: 'extensions',
  config: 'configs',
  volume: 'volumes',
} as const satisfies { readonly [K in ObjectKind]: keyof StoreSnapshot };

const empty = StoreSnapshot.fromPartial({});

export function* encodeSnapshot(state: State): Generator<Uint8Array> {
  for (const kind of objectKinds) {
    let slice: Objects[ObjectKind][] = [];
    for (const object of state[kind].objects.values()) {
      slice.push(object);
      if (slice.length === objectsInSlice) {
        yield encodeSlice(kind, slice);
        slice = [];
      }
    }
    if (slice.length > 0) yield encodeSlice(kind, slice);
  }
}

const encodeSlice = (kind: ObjectKind, objects: readonly Objects[ObjectKind][]): Uint8Array =>
  StoreSnapshot.encode({ ...empty, [fieldOf[kind]]: objects }).finish();

export interface Restored {
  readonly state: State;
  /** What is different from the state before: removals first, so that names are free for what comes. */
  readonly changes: readonly Change[];
}

/**
 * Throws when the bytes are not a snapshot. Objects that did not change stay the same objects. A generator,
 * so that the caller may let others work after each of its steps; it yields how many objects the step took.
 */
export function* restoreSnapshot(bytes: Uint8Array, before: State): Generator<number, Restored> {
  const editor = new StateEditor(emptyState);
  const put: Change[] = [];
  for (const slice of cutSnapshot(bytes)) {
    const snapshot = StoreSnapshot.decode(slice);
    let taken = 0;
    for (const kind of objectKinds) {
      taken += snapshot[fieldOf[kind]].length;
      for (const object of snapshot[fieldOf[kind]]) {
        const old = before[kind].objects.get(object.id);
        if (old !== undefined && wireEqual(old, object)) {
          editor.put(kind, old);
          continue;
        }
        const kept = kind === 'task' ? shared(editor, object as Objects['task']) : object;
        editor.put(kind, kept);
        put.push(changeOf(kind, object.id, old, kept));
      }
    }
    yield taken;
  }
  const removed: Change[] = [];
  let looked = 0;
  for (const kind of objectKinds)
    for (const old of before[kind].objects.values()) {
      if (editor.get(kind, old.id) === undefined)
        removed.push(changeOf(kind, old.id, old, undefined));
      if (++looked < lookedAtOnce) continue;
      yield looked;
      looked = 0;
    }
  return { state: editor.freeze(), changes: [...removed, ...put] };
}

/** Throws when the bytes are not a snapshot. A generator, as above. */
export function* readSnapshot(bytes: Uint8Array): Generator<void, void> {
  for (const slice of cutSnapshot(bytes)) {
    StoreSnapshot.decode(slice);
    yield;
  }
}

/** Cuts between two objects. A message may be decoded in pieces, as its lists go on in the next one. */
function* cutSnapshot(bytes: Uint8Array): Generator<Uint8Array> {
  const reader = new FastReader(bytes);
  let from = 0;
  let objects = 0;
  while (reader.pos < bytes.length) {
    const tag = reader.uint32();
    reader.skip(tag & 7, tag >>> 3);
    objects++;
    const isFull = reader.pos - from >= bytesInSlice || objects === decodedAtOnce;
    if (!isFull && reader.pos < bytes.length) continue;
    yield bytes.subarray(from, reader.pos);
    from = reader.pos;
    objects = 0;
  }
}

const shared = (editor: StateEditor, task: Objects['task']): Objects['task'] =>
  shareSpecOf(editor.get('service', task.serviceId), task);
