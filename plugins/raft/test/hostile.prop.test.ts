import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  ConfChangeType,
  EntryType,
  Message,
  MessageType,
  Snapshot,
} from '@swarmkit/sdk/wire/gen/raftpb/raft';
import fc from 'fast-check';
import { OUR_FEATURES } from '../core/features.js';
import { change, entry, Group } from './group.js';

const MAX = (1n << 64n) - 1n;

/** Numbers near what is true, and near where 64 bits end. */
const number = fc.oneof(
  fc.bigInt({ min: 0n, max: 12n }),
  fc.bigInt({ min: MAX - 3n, max: MAX }),
  fc.bigInt({ min: (1n << 62n) - 1n, max: (1n << 63n) + 1n }),
  fc.bigInt({ min: 0n, max: MAX }),
);
const ids = fc.array(fc.oneof(fc.bigInt({ min: 0n, max: 5n }), number), { maxLength: 4 });

const anyMessage = fc.record({
  type: fc.integer({ min: -1, max: 25 }),
  to: fc.oneof(fc.constant(1n), number),
  from: fc.oneof(fc.bigInt({ min: 0n, max: 5n }), number),
  term: number,
  logTerm: number,
  index: number,
  commit: number,
  reject: fc.boolean(),
  rejectHint: number,
  context: fc.oneof(
    fc.constant(Buffer.from('CampaignTransfer')),
    fc.uint8Array({ maxLength: 12 }).map((bytes) => Buffer.from(bytes)),
  ),
  entries: fc.array(
    fc.record({
      Type: fc.integer({ min: 0, max: 4 }),
      Term: number,
      Index: number,
      Data: fc.uint8Array({ maxLength: 9 }).map((bytes) => Buffer.from(bytes)),
    }),
    { maxLength: 4 },
  ),
  snapshot: fc.option(
    fc.record({
      metadata: fc.record({
        index: number,
        term: number,
        confState: fc.record({
          voters: ids,
          learners: ids,
          votersOutgoing: ids,
          learnersNext: ids,
          autoLeave: fc.boolean(),
        }),
      }),
    }),
    { nil: undefined },
  ),
});

/** A leader, or a follower, of a group with some entries. */
function victim(leads: boolean, features: number): Group {
  const group = Group.of(3, () => 0, features);
  group.elect(leads ? 1 : 2);
  for (let i = 0; i < 4; i++) group.propose(`v${i}`);
  group.settle();
  group.tick();
  return group;
}

describe('whatever a peer sends', () => {
  it('is taken without a throw, and what was committed stays', () => {
    let refused = 0;
    fc.assert(
      fc.property(
        fc.boolean(),
        fc.constantFrom(0, OUR_FEATURES),
        fc.array(anyMessage, { minLength: 1, maxLength: 12 }),
        (leads, features, messages) => {
          const group = victim(leads, features);
          const member = group.member(1);
          const before = [...member.tape];
          const raft = member.running;
          for (const message of messages) {
            raft.step(Message.create(message as Partial<Message>));
            // A snapshot that looks true is taken for true; what is in it is not this test's business.
            if (raft.status().firstIndex > BigInt(before.length)) return;
            while (raft.hasReady) {
              const ready = raft.ready();
              raft.advance();
              for (const one of ready.committed) raft.applied(one);
            }
            raft.tick();
          }
          refused += raft.refused.count;
          const { committed, lastIndex } = raft.status();
          assert.ok(committed >= BigInt(before.length) && committed <= lastIndex);
          assert.ok(raft.term < (1n << 62n) + 10n);
          for (let index = 1; index <= before.length; index++) {
            const term = raft.termOf(BigInt(index));
            assert.ok(before[index - 1]?.startsWith(`${term}:`));
          }
        },
      ),
      { numRuns: 1_000 },
    );
    assert.ok(refused > 1_000, `${refused} refused`);
  });
});

describe('messages that cannot be true', () => {
  const refusedBy = (leads: boolean, message: Partial<Message>): readonly string[] => {
    const group = victim(leads, OUR_FEATURES);
    const from = 2n;
    const { term, lastIndex, committed } = group.raft(1);
    group.raft(1).step(Message.create({ from, to: 1n, term, ...message }));
    assert.equal(group.raft(1).term, term);
    assert.equal(group.raft(1).lastIndex, lastIndex);
    assert.equal(group.raft(1).committed, committed);
    return [...group.raft(1).status().refused.keys()];
  };

  it('are dropped by name', () => {
    const app = { type: MessageType.MsgApp, index: 8n, logTerm: 2n };
    const metadata = { index: 99n, term: 2n, confState: { voters: [2n, 3n] } };
    const cases: readonly (readonly [boolean, Partial<Message>, string])[] = [
      [false, { ...app, to: 9n }, 'message to another member'],
      [false, { ...app, from: 0n }, 'message from nobody'],
      [false, { ...app, from: 1n }, 'message from nobody'],
      [false, { ...app, from: MAX }, 'message from nobody'],
      [false, { type: MessageType.MsgProp }, 'message of a kind that does not travel'],
      [false, { type: MessageType.MsgHup }, 'message of a kind that does not travel'],
      [false, { ...app, term: MAX }, 'impossible term'],
      [false, { ...app, term: 0n }, 'impossible term'],
      [false, { ...app, commit: MAX }, 'impossible index'],
      [false, { ...app, logTerm: 3n }, 'impossible entries'],
      [false, { ...app, logTerm: 0n }, 'impossible entries'],
      [false, { ...app, entries: [entry(10, 2)] }, 'impossible entries'],
      [false, { ...app, entries: [entry(9, 1)] }, 'impossible entries'],
      [false, { ...app, entries: [entry(9, 3)] }, 'impossible entries'],
      [
        false,
        { ...app, entries: [{ ...entry(9, 2), Type: 7 as EntryType }] },
        'impossible entries',
      ],
      [false, { ...app, logTerm: 1n }, 'append that contradicts what is committed'],
      [
        false,
        { ...app, index: 3n, logTerm: 1n, entries: [entry(4, 1)] },
        'append that contradicts what is committed',
      ],
      [false, { ...app, from: 3n }, 'second leader of a term'],
      [true, app, 'second leader of a term'],
      [false, { type: MessageType.MsgHeartbeat, commit: 99n }, 'commit beyond the log'],
      [true, { type: MessageType.MsgAppResp, index: 99n }, 'acknowledgement beyond the log'],
      [true, { type: MessageType.MsgAppResp, from: 7n, index: 8n }, 'message from no member'],
      [
        true,
        { type: MessageType.MsgVote, from: 7n, term: 9n, index: 4n, logTerm: 2n },
        'candidate that is no member',
      ],
      [
        true,
        { type: MessageType.MsgVote, from: 2n, term: 3n, index: 9n, logTerm: 3n },
        'impossible candidate',
      ],
      [false, { type: MessageType.MsgSnap }, 'impossible snapshot'],
      [
        false,
        {
          type: MessageType.MsgSnap,
          snapshot: Snapshot.create({ metadata: { index: 9n, term: 2n } }),
        },
        'impossible snapshot',
      ],
      [
        false,
        { type: MessageType.MsgSnap, snapshot: Snapshot.create({ metadata }) },
        'snapshot of a group without this member',
      ],
      [false, { type: MessageType.MsgTimeoutNow, from: 3n }, 'hand-over by one who does not lead'],
      [
        true,
        { type: MessageType.MsgReadIndex, term: 0n, context: Buffer.alloc(2_000) },
        'impossible context',
      ],
    ];
    for (const [leads, message, reason] of cases)
      assert.deepEqual(refusedBy(leads, message), [reason], reason);
  });

  it('in the log, as a change that cannot be read, change nothing', () => {
    const group = victim(true, OUR_FEATURES);
    const raft = group.raft(1);
    const before = raft.confState;
    const broken = {
      ...entry(9, 2),
      Type: EntryType.EntryConfChangeV2,
      Data: Buffer.from([0xff, 0xff]),
    };
    const append = {
      type: MessageType.MsgApp,
      from: 1n,
      to: 3n,
      term: 2n,
      index: 8n,
      logTerm: 2n,
      entries: [broken],
      commit: 9n,
    };
    group.raft(3).step(Message.create(append));
    group.member(3).pump();
    assert.deepEqual(group.raft(3).confState, before);
    assert.equal(group.raft(3).committed, 9n);
  });

  it('and wishes that cannot be granted are refused by name', () => {
    const group = victim(true, OUR_FEATURES);
    const { ConfChangeRemoveNode } = ConfChangeType;
    assert.equal(group.raft(2).propose(Buffer.from('x')), 'not-leader');
    assert.equal(group.raft(2).proposeChange(change(ConfChangeRemoveNode, 3n)), 'not-leader');
    assert.equal(group.raft(2).transferLeader(1n), 'not-leader');
    assert.equal(group.raft(1).transferLeader(1n), 'impossible');
    assert.equal(group.raft(1).transferLeader(9n), 'impossible');
    assert.equal(group.raft(1).proposeChange(change(9 as ConfChangeType, 3n)), 'impossible');
    group.passes = () => false;
    assert.equal(group.raft(1).transferLeader(2n), undefined);
    assert.equal(group.raft(1).propose(Buffer.from('x')), 'transferring');
    const alone = Group.of(1, () => 0, OUR_FEATURES);
    alone.elect(1);
    assert.equal(alone.raft(1).proposeChange(change(ConfChangeRemoveNode, 1n)), 'impossible');
  });
});
