import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { ConfState, type Entry, EntryType, HardState } from '@swarmkit/sdk/wire/gen/raftpb/raft';
import { RaftMember } from '@swarmkit/sdk/wire/gen/swarmkit/raft';
import { ClusterSnapshot } from '@swarmkit/sdk/wire/gen/swarmkit/snapshot';
import { decodeChange } from '../core/change.js';
import { changed, fromConfState, toConfState } from '../core/configuration.js';
import { forceNewCluster, type Survivor } from '../core/new-cluster.js';

const member = (id: number): RaftMember =>
  RaftMember.create({ raftId: BigInt(id), nodeId: `n${id}`, addr: `n${id}:1` });
const normal = (index: number, term: number): Entry => ({
  Type: EntryType.EntryNormal,
  Index: BigInt(index),
  Term: BigInt(term),
  Data: Buffer.alloc(0),
});
const survivor = (confState: Partial<ConfState>, more: Partial<Survivor> = {}): Survivor => ({
  member: member(1),
  hardState: HardState.create({ term: 7n, vote: 2n, commit: 10n }),
  snapshot: { index: 10n, term: 5n },
  confState: ConfState.fromPartial(confState),
  membership: ClusterSnapshot.create({ members: [member(1), member(2), member(3)] }),
  entries: [],
  ...more,
});

/** Who is in the group when everything was applied. */
function after(from: Survivor): ConfState {
  const made = forceNewCluster(from);
  assert.ok(made);
  let configuration = fromConfState(from.confState);
  let index = made.hardState.commit - BigInt(made.entries.length);
  for (const entry of made.entries) {
    assert.equal(entry.Index, ++index);
    assert.equal(entry.Term, made.hardState.term);
    const change = decodeChange(entry);
    assert.ok(change);
    const next = changed(configuration, change);
    assert.ok(next, 'a change that does not fit');
    configuration = next;
  }
  return toConfState(configuration);
}

describe('a forced new cluster', () => {
  const alone = ConfState.fromPartial({ voters: [1n] });

  it('has one voter: the survivor, whatever it was before', () => {
    assert.deepEqual(after(survivor({ voters: [1n, 2n, 3n] })), alone);
    assert.deepEqual(after(survivor({ voters: [2n, 3n], learners: [1n] })), alone);
    const joint = { voters: [1n, 2n], votersOutgoing: [1n, 2n, 3n], autoLeave: true };
    assert.deepEqual(after(survivor(joint)), alone);
  });

  it('takes the log as committed to its end, in a term that nobody had', () => {
    const entries = [normal(9, 5), normal(10, 5), normal(11, 6), normal(12, 6)];
    const made = forceNewCluster(survivor({ voters: [1n, 2n, 3n] }, { entries }));
    assert.equal(made?.hardState.term, 8n);
    assert.equal(made?.hardState.vote, 0n);
    assert.equal(made?.entries[0]?.Index, 13n);
    assert.equal(made?.hardState.commit, 15n);
    assert.equal(made?.adopted, 2n);
    assert.deepEqual(
      made?.removed.map(({ nodeId }) => nodeId),
      ['n2', 'n3'],
    );
  });

  it('is nothing to do where the survivor is alone', () => {
    assert.equal(forceNewCluster(survivor({ voters: [1n] })), undefined);
  });

  it('knows changes that stand in the log and not in the snapshot', () => {
    const made = forceNewCluster(survivor({ voters: [1n, 2n] }));
    assert.ok(made);
    const again = survivor(
      { voters: [1n, 2n] },
      { entries: made.entries, hardState: made.hardState },
    );
    assert.equal(forceNewCluster(again), undefined);
  });
});
