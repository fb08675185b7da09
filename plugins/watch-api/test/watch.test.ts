import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Change, Commit } from '@swarmkit/sdk/contracts/store';
import { isSwarmError } from '@swarmkit/sdk/plugin/errors';
import { aNode, aService, aTask } from '@swarmkit/sdk/testkit/fixtures';
import { Resource } from '@swarmkit/sdk/wire/gen/swarmkit/objects';
import {
  type WatchActionKind,
  type WatchMessage,
  WatchRequest,
} from '@swarmkit/sdk/wire/gen/swarmkit/watch';
import { RecentCommits } from '../core/recent-commits.js';
import { selectionOf } from '../core/selection.js';
import { type WatcherBounds, Watchers } from '../shell/watchers.js';

const created = (object: unknown, kind = 'task'): Change =>
  ({ kind, action: 'create', id: (object as { id: string }).id, object, old: undefined }) as Change;
const commit = (index: bigint, ...changes: Change[]): Commit => ({ index, by: [], changes });
const task = (id: string): Change => created(aTask({ id }));
/** Create, update and remove. */
const any: WatchActionKind = 7 as number;
const tasks = { entries: [{ kind: 'task', action: any, filters: [] }] };

class Reader {
  readonly messages: WatchMessage[] = [];
  readonly caller = new AbortController();
  outcome: unknown = 'reads';
  private free: () => void = () => undefined;
  private isHeld = false;

  constructor(watchers: Watchers, request: Parameters<typeof WatchRequest.fromPartial>[0]) {
    watchers
      .watch(WatchRequest.fromPartial(request), { signal: this.caller.signal }, (message) => {
        this.messages.push(message);
        return this.isHeld ? new Promise((resolve) => (this.free = resolve)) : Promise.resolve();
      })
      .then(
        () => (this.outcome = 'ended'),
        (error: unknown) => (this.outcome = isSwarmError(error) ? error.code : error),
      );
  }

  hold(): void {
    this.isHeld = true;
  }

  release(): void {
    this.isHeld = false;
    this.free();
  }

  get seen(): readonly string[] {
    return this.messages.map(({ events, version }) =>
      [version?.index, ...events.map(({ object }) => object?.Object?.value.id)].join(' '),
    );
  }
}

const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
const watching = (bounds?: Partial<WatcherBounds>, index = 0n): Watchers =>
  new Watchers(index, { kept: { commits: 3, changes: 100 }, waiting: 4, ...bounds });

describe('a watcher', () => {
  it('is told that the stream is ready, then a message a commit', async () => {
    const watchers = watching();
    watchers.onCommit(commit(1n, task('early')));
    const reader = new Reader(watchers, tasks);
    await settle();
    watchers.onCommit(commit(2n, task('a'), created(aNode({ id: 'n' }), 'node'), task('b')));
    watchers.onCommit(commit(3n, created(aNode({ id: 'm' }), 'node')));
    await settle();
    assert.deepEqual(reader.seen, ['', '2 a b']);
  });

  it('goes on from the version that it saw last', async () => {
    const watchers = watching();
    for (const index of [1n, 2n, 3n]) watchers.onCommit(commit(index, task(`t${index}`)));
    const reader = new Reader(watchers, { ...tasks, resumeFrom: { index: 1n } });
    await settle();
    watchers.onCommit(commit(7n, task('t7')));
    await settle();
    assert.deepEqual(reader.seen, ['', '2 t2', '3 t3', '7 t7']);
  });

  it('misses nothing that comes while it is told what it missed', async () => {
    const watchers = watching();
    watchers.onCommit(commit(1n, task('t1')));
    const reader = new Reader(watchers, { ...tasks, resumeFrom: { index: 0n } });
    reader.hold();
    await settle();
    watchers.onCommit(commit(2n, task('t2')));
    reader.release();
    await settle();
    assert.deepEqual(reader.seen, ['', '1 t1', '2 t2']);
  });

  it('is told when its version is too old, or not here yet', async () => {
    const watchers = watching({}, 5n);
    for (const index of [6n, 7n, 8n, 9n]) watchers.onCommit(commit(index, task(`t${index}`)));
    const outcomes = [5n, 6n, 9n, 10n].map(
      (index) => new Reader(watchers, { ...tasks, resumeFrom: { index } }),
    );
    await settle();
    assert.deepEqual(
      outcomes.map(({ outcome }) => outcome),
      ['WATCH_COMPACTED', 'reads', 'reads', 'WATCH_AHEAD'],
    );
  });

  it('that does not read is ended at its bound, and holds up nobody', async () => {
    const watchers = watching();
    const slow = new Reader(watchers, tasks);
    const quick = new Reader(watchers, tasks);
    slow.hold();
    for (let index = 1n; index <= 9n; index++) {
      watchers.onCommit(commit(index, task(`t${index}`)));
      await settle();
    }
    assert.equal(quick.seen.length, 10);
    assert.equal(slow.outcome, 'reads');
    slow.release();
    await settle();
    assert.equal(slow.outcome, 'WATCH_SLOW');
    assert.equal(watchers.count, 1);
  });

  it('that goes leaves nothing behind', async () => {
    const watchers = watching();
    const reader = new Reader(watchers, tasks);
    await settle();
    reader.caller.abort();
    await settle();
    assert.equal(reader.outcome, 'ended');
    assert.equal(watchers.count, 0);
  });

  it('sees what an object was before only where it asks', async () => {
    const watchers = watching();
    const readers = [false, true].map(
      (includeOldObject) => new Reader(watchers, { ...tasks, includeOldObject }),
    );
    await settle();
    const old = aTask({ id: 'a' });
    watchers.onCommit(
      commit(1n, { kind: 'task', action: 'update', id: 'a', object: { ...old, slot: 2n }, old }),
    );
    await settle();
    assert.deepEqual(
      readers.map(({ messages }) => messages[1]?.events[0]?.oldObject?.Object?.value.id),
      [undefined, 'a'],
    );
  });
});

describe('what is kept of late', () => {
  it('is bounded by changes too, oldest out first', () => {
    const recent = new RecentCommits(0n, { commits: 10, changes: 3 });
    for (const index of [1n, 2n, 3n]) recent.add(commit(index, task('a'), task('b')));
    assert.equal(recent.after(1n), undefined);
    assert.deepEqual(
      recent.after(2n)?.map(({ index }) => index),
      [3n],
    );
    recent.add(commit(3n, task('again')));
    assert.equal(recent.after(2n)?.length, 1);
  });

  it('is the same at every moment of a long life', () => {
    const recent = new RecentCommits(0n, { commits: 3, changes: 100 });
    for (let last = 1n; last <= 40n; last++) {
      recent.add(commit(last, task('a')));
      for (let after = 0n; after <= last; after++) {
        const expected: bigint[] = [];
        for (let index = after + 1n; index <= last; index++) expected.push(index);
        const indexes = recent.after(after)?.map(({ index }) => index);
        assert.deepEqual(indexes, expected.length > 3 ? undefined : expected);
      }
    }
  });
});

describe('a selection', () => {
  const selects = (entry: object, change: Change): boolean =>
    selectionOf(
      WatchRequest.fromPartial({ entries: [{ kind: 'task', action: any, filters: [], ...entry }] }),
    )(change);
  const by = (...filters: object[]) => ({ filters: filters.map((By) => ({ By })) });

  it('has alternatives, each with filters that must all agree', () => {
    const one = created(aTask({ id: 'abc', serviceId: 's', slot: 3n, nodeId: 'n' }));
    const agree = [
      { $case: 'idPrefix', value: 'ab' },
      { $case: 'serviceId', value: 's' },
      { $case: 'nodeId', value: 'n' },
      { $case: 'slot', value: { serviceId: 's', slot: 3n } },
    ];
    assert.equal(selects(by(...agree), one), true);
    assert.equal(selects(by(...agree, { $case: 'id', value: 'other' }), one), false);
    assert.equal(selects({ action: 2 }, one), false);
    const entries = [
      { kind: 'node', action: any },
      { kind: 'task', action: 1 },
    ];
    assert.equal(selectionOf(WatchRequest.fromPartial({ entries }))(one), true);
    assert.equal(selectionOf(WatchRequest.fromPartial({}))(one), false);
  });

  it('takes names without regard to case, and other words as kinds of resources', () => {
    const service = created(aService({ id: 's' }), 'service');
    const name = aService({ id: 's' }).spec?.annotations?.name ?? '';
    const named = by({ $case: 'name', value: name.toUpperCase() });
    assert.equal(selects({ kind: 'service', ...named }, service), true);
    const resource = created(Resource.fromPartial({ id: 'r', kind: 'volcano' }), 'resource');
    assert.equal(selects({ kind: 'volcano' }, resource), true);
    assert.equal(selects({ kind: 'mountain' }, resource), false);
  });

  it('is refused in words where it cannot be meant', () => {
    const one = task('a');
    assert.throws(() => selects({ kind: '' }, one), { message: 'no kind of object specified' });
    assert.throws(() => selects({ action: 8 }, one), { message: 'unrecognized action' });
    const twice = by({ $case: 'id', value: 'a' }, { $case: 'id', value: 'b' });
    assert.throws(() => selects(twice, one), { message: 'conflicting filters specified' });
  });
});
