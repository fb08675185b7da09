import type { ObjectKind, Objects } from '@swarmkit/sdk/contracts/store';
import { objectKinds, objectName } from '@swarmkit/sdk/model/object-name';
import { SwarmError } from '@swarmkit/sdk/plugin/errors';
import { type JsonValue, toJson } from '@swarmkit/sdk/wire/json';
import { type Entry, EntryType } from '@swarmkit/sdk/wire/gen/raftpb/raft';
import { InternalRaftRequest, StoreActionKind } from '@swarmkit/sdk/wire/gen/swarmkit/raft';
import { StoreSnapshot } from '@swarmkit/sdk/wire/gen/swarmkit/snapshot';
import { describeMembershipChange, type StateFolder } from '@swarmkit/swarmd/offline';
import type { Io } from '../io.js';
import { fields } from '../output/fields.js';
import { redacted } from '../output/redact.js';
import { sizeText } from '../output/size.js';
import { table } from '../output/table.js';
import type { Answer } from '../session.js';
import { usage } from '../spec/units.js';
import { type FolderFlags, withFolder } from './offline-folder.js';

export interface RangeFlags extends FolderFlags {
  readonly from?: string;
  readonly to?: string;
}

export async function dumpLog(answer: Answer, io: Io, flags: RangeFlags): Promise<void> {
  const [from, to] = [indexOf('--from', flags.from), indexOf('--to', flags.to)];
  await withFolder(io, flags, async ({ log }) => {
    const { commit } = log.facts;
    const older = await log.olderSnapshots();
    const shown = log.entries.filter(
      ({ Index }) => (from === undefined || Index >= from) && (to === undefined || Index <= to),
    );
    const lines = shown.map((entry) => describe(entry, commit));
    const facts = log.facts;
    if (answer.json) {
      const { raftId, members, removed, ...rest } = facts;
      answer.sayJson({
        ...toJson(rest),
        raftId: raftId.toString(16),
        members: members.map((one) => ({ ...one, raftId: one.raftId.toString(16) })),
        removed: removed.map((id) => id.toString(16)),
        olderSnapshots: older.map(Number),
        entries: lines,
      });
      return;
    }
    answer.say(
      fields([
        ['Manager', `${facts.nodeId} (${facts.raftId.toString(16)})`],
        ['Term', String(facts.term)],
        ['Committed', `${facts.commit}, as far as was known`],
        [
          'Snapshot',
          facts.snapshot
            ? `at entry ${facts.snapshot.index} of term ${facts.snapshot.term}, ${sizeText(BigInt(facts.snapshot.bytes))}`
            : 'none',
        ],
        ['Older snapshots', older.length === 0 ? '' : `at entries ${older.join(', ')}`],
        ['Entries', facts.last < facts.first ? 'none' : `${facts.first} to ${facts.last}`],
        ['Removed members', facts.removed.map((id) => id.toString(16)).join(', ')],
      ]),
    );
    answer.say('');
    answer.say(
      table(
        ['MEMBER', 'NODE', 'ADDRESS', 'VOTES'],
        facts.members.map(({ raftId, nodeId, address, votes }) => [
          raftId.toString(16),
          nodeId,
          address,
          votes ? 'yes' : 'no',
        ]),
      ),
    );
    answer.say('');
    answer.say(
      table(
        ['INDEX', 'TERM', 'COMMITTED', 'BYTES', 'WHAT'],
        lines.map((line) => [
          String(line.index),
          String(line.term),
          line.committed ? 'yes' : 'not known',
          String(line.bytes),
          line.what.join(', '),
        ]),
      ),
    );
  });
}

function describe({ Index, Term, Type, Data }: Entry, commit: bigint) {
  const entry = { Index, Term, Type, Data };
  return {
    index: Number(Index),
    term: Number(Term),
    committed: Index <= commit,
    bytes: Data.length,
    what: Type === EntryType.EntryNormal ? actions(Data) : describeMembershipChange(entry),
  };
}

/** Kinds, ids and names, and nothing of what is in the objects. */
function actions(data: Buffer): readonly string[] {
  if (data.length === 0) return ['begins a term'];
  try {
    const { action } = InternalRaftRequest.decode(data);
    return action.map((one) => {
      const verb = verbs[one.action] ?? 'does something unknown with';
      if (one.target === undefined) return `${verb} nothing that is known here`;
      const { $case: kind, value } = one.target;
      const name = objectName(kind, value as Objects[ObjectKind]);
      return `${verb} ${kind} ${value.id}${name === '' ? '' : ` (${name})`}`;
    });
  } catch {
    return ['cannot be read'];
  }
}

const verbs: Readonly<Record<number, string>> = {
  [StoreActionKind.STORE_ACTION_CREATE]: 'creates',
  [StoreActionKind.STORE_ACTION_UPDATE]: 'updates',
  [StoreActionKind.STORE_ACTION_REMOVE]: 'removes',
};

export interface SnapshotFlags extends FolderFlags {
  readonly index?: string;
}

export async function dumpSnapshot(answer: Answer, io: Io, flags: SnapshotFlags): Promise<void> {
  const asked = indexOf('--index', flags.index);
  await withFolder(io, flags, async (folder) => {
    const { facts } = folder.log;
    const newest = facts.snapshot?.index;
    const isOlder = asked !== undefined && asked !== newest;
    const store = isOlder ? await olderStore(folder, asked) : storeOf(folder);
    const index = isOlder ? asked : newest;
    const snapshot = StoreSnapshot.decode(store);
    const of = (kind: ObjectKind): readonly Objects[ObjectKind][] => snapshot[listOf(kind)];
    if (answer.json) {
      answer.sayJson({
        index: Number(index),
        ...(isOlder ? {} : { term: Number(facts.snapshot?.term) }),
        objects: Object.fromEntries(
          objectKinds.map((kind) => [
            listOf(kind),
            of(kind).map((one) => redacted(toJson(one) as JsonValue)),
          ]),
        ),
      });
      return;
    }
    answer.say(
      `Snapshot at entry ${index}; the log goes on to ${facts.last}. Contents: --format json`,
    );
    answer.say('');
    answer.say(
      table(
        ['KIND', 'ID', 'NAME', 'VERSION'],
        objectKinds.flatMap((kind) =>
          of(kind).map((one) => [
            kind,
            one.id,
            objectName(kind, one),
            String(one.meta?.version?.index ?? ''),
          ]),
        ),
      ),
    );
  });
}

const listOf = (kind: ObjectKind) => `${kind}s` as const;

function storeOf({ log, dir }: StateFolder): Uint8Array {
  const store = log.storeSnapshot;
  if (store === undefined)
    throw new SwarmError(
      'not-found',
      'CTL_NO_SNAPSHOT',
      `the log in ${dir} has no snapshot yet: everything is in its entries, see swarmctl raft dump-log`,
    );
  return store;
}

async function olderStore({ log, dir }: StateFolder, index: bigint): Promise<Uint8Array> {
  const store = await log.olderStore(index);
  if (store !== undefined) return store;
  const newest = log.facts.snapshot?.index;
  const older = await log.olderSnapshots();
  const there = newest === undefined ? older : [...older, newest];
  throw new SwarmError(
    'not-found',
    'CTL_NO_SNAPSHOT',
    `the log in ${dir} has no snapshot at entry ${index}; there are: ${there.join(', ') || 'none'}`,
  );
}

function indexOf(flag: string, text: string | undefined): bigint | undefined {
  if (text === undefined) return undefined;
  if (!/^\d{1,19}$/.test(text))
    throw usage(`${flag} is ${JSON.stringify(text)}; write the index of an entry`);
  return BigInt(text);
}
