/**
 * What a manager of this cluster may send that it never should: each is refused or dropped, is counted by
 * reason, and the group goes on.
 */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import type { RpcConnection } from '@swarmkit/sdk/contracts/rpc';
import { LinkService } from '@swarmkit/sdk/wire/gen/raftlink/link';
import { Message, MessageType, Snapshot } from '@swarmkit/sdk/wire/gen/raftpb/raft';
import { RaftService, type StreamRaftMessageRequest } from '@swarmkit/sdk/wire/gen/swarmkit/raft';
import { joinSnapshot } from '../core/snapshot-data.js';
import { type Manager, Managers } from './managers.js';

const MAX = (1n << 64n) - 1n;

async function* all<T>(items: readonly T[]): AsyncGenerator<T> {
  yield* items;
}

describe('a manager that sends what it never should', () => {
  let group: Managers;
  let victim: Manager;
  /** Whose certificate is misused. */
  let culprit: Manager;
  let connection: RpcConnection;
  let written = 0;

  before(async () => {
    group = await Managers.of(3);
    await group.propose(`v${written++}`);
    victim = group.all.find(({ leads }) => !leads) as Manager;
    culprit = group.leader;
    connection = group.network.client({ nodeId: culprit.nodeId }).connect(victim.address);
  });
  after(() => group.stop());

  const counts = (): Readonly<Record<string, number>> =>
    victim.running.node.colleagues.refusals.counters();

  const from = (): Pick<Message, 'from' | 'to' | 'term'> => ({
    from: culprit.running.node.raftId,
    to: victim.running.node.raftId,
    term: victim.running.node.leadership().term,
  });

  /** As SwarmKit's managers send it, and over our own link. */
  const send = async (message: Partial<Message>, ways: 'both' | 'ours' = 'both'): Promise<void> => {
    const whole = Message.create({ ...from(), ...message });
    const calls = [connection.clientStream(LinkService.send, all([{ messages: [whole] }]))];
    if (ways === 'both') {
      calls.push(
        connection.clientStream(RaftService.streamRaftMessage, all([{ message: whole }])),
        connection.unary(RaftService.processRaftMessage, { message: whole }),
      );
    }
    await group.during(Promise.all(calls));
  };

  const stream = (requests: AsyncIterable<StreamRaftMessageRequest>): Promise<unknown> =>
    connection.clientStream(RaftService.streamRaftMessage, requests);

  /** Nobody has another leader, and everybody takes the next write. */
  const goesOn = async (): Promise<void> => {
    await group.propose(`v${written++}`);
    await group.agree(Array.from({ length: written }, (_, i) => `v${i}`));
    for (const { running } of group.all) assert.deepEqual(running.faults, []);
  };

  /** A member list and a state that a tape can restore, of this many bytes or a little more. */
  const snapshotData = (bytes: number): Buffer => {
    const membership = {
      members: victim.running.node.roster.members,
      removed: [],
    };
    const store = Buffer.from(JSON.stringify(['x'.repeat(bytes)]));
    return Buffer.concat([...joinSnapshot({ membership, store })]);
  };

  const snapshotMessage = (data: Buffer, index = 1_000n): Message => {
    const voters = group.all.map(({ running }) => running.node.raftId);
    const metadata = { index, term: from().term, confState: { voters } };
    const snapshot = Snapshot.create({ data, metadata });
    return Message.create({ ...from(), type: MessageType.MsgSnap, snapshot });
  };

  const { MsgApp, MsgHeartbeat, MsgVote } = MessageType;
  const cases: readonly (readonly [reason: string, message: () => Partial<Message>])[] = [
    ['impossible term', () => ({ type: MsgApp, term: MAX })],
    ['impossible term', () => ({ type: MsgHeartbeat, term: 1n << 61n })],
    ['impossible term', () => ({ type: MsgApp, term: 0n })],
    ['impossible index', () => ({ type: MsgApp, index: MAX, logTerm: 1n })],
    ['impossible index', () => ({ type: MsgHeartbeat, commit: MAX })],
    ['commit beyond the log', () => ({ type: MsgHeartbeat, commit: 1n << 40n })],
    ['impossible entries', () => ({ type: MsgApp, index: 1n, logTerm: 1n << 40n })],
    ['from nobody', () => ({ type: MsgHeartbeat, from: 0n })],
    ['from nobody', () => ({ type: MsgHeartbeat, from: victim.running.node.raftId })],
    ['message from nobody', () => ({ type: MsgHeartbeat, from: MAX })],
    ['to another member', () => ({ type: MsgHeartbeat, to: MAX })],
    ['to another member', () => ({ type: MsgHeartbeat, to: 0n })],
    ['of a kind that does not travel', () => ({ type: MessageType.MsgProp })],
    ['of a kind that does not travel', () => ({ type: 99 as MessageType })],
    [
      'from another node',
      () => {
        const third = group.all.find((one) => one !== victim && one !== culprit) as Manager;
        return { type: MsgHeartbeat, from: third.running.node.raftId };
      },
    ],
    ['candidate that is not known', () => ({ type: MsgVote, from: 77n, term: 99n, index: 1n })],
  ];
  for (const [reason, message] of cases)
    it(`is refused: ${reason}`, async () => {
      const before = counts()[reason] ?? 0;
      const { term } = victim.running.node.leadership();
      await send(message());
      assert.equal(counts()[reason], before + 3);
      assert.equal(victim.running.node.leadership().term, term);
      await goesOn();
    });

  it('is refused: a message that is none', async () => {
    const empty = { message: undefined };
    await group.during(connection.unary(RaftService.processRaftMessage, empty));
    await group.during(stream(all([])));
    await group.during(stream(all([empty])));
    assert.equal(counts()['no message'], 3);
    await goesOn();
  });

  it('is refused: a snapshot from beyond all logs', async () => {
    await send(snapshotMessage(snapshotData(10), 1n << 60n));
    assert.equal(counts()['impossible snapshot'], 3);
    await goesOn();
  });

  it('is refused: snapshots that are put together wrongly', async () => {
    const data = snapshotData(3_000);
    const third = Math.ceil(data.length / 3);
    const pieces = [0, 1, 2].map((n) => ({
      message: snapshotMessage(data.subarray(n * third, (n + 1) * third)),
    }));
    const [first, second, last] = pieces as [
      StreamRaftMessageRequest,
      StreamRaftMessageRequest,
      StreamRaftMessageRequest,
    ];
    const other = { message: { ...(second.message as Message), index: 7n } };
    const elsewhere = {
      message: snapshotMessage(second.message?.snapshot?.data as Buffer, 1_001n),
    };
    const heartbeat = { message: Message.create({ ...from(), type: MsgHeartbeat }) };
    const nothing = { message: snapshotMessage(Buffer.alloc(0)) };
    const wrong: readonly (readonly StreamRaftMessageRequest[])[] = [
      [second, last],
      [first, last],
      [first, second],
      [second, first, last],
      [first, other, last],
      [first, elsewhere, last],
      [first, heartbeat, last],
      [first, { message: undefined }, last],
      [heartbeat, heartbeat],
      [first, nothing, second, last],
      [nothing],
      [{ message: snapshotMessage(Buffer.from('no snapshot at all')) }],
    ];
    const before = counts().RAFT_CHUNK ?? 0;
    for (const [n, requests] of wrong.entries())
      await assert.rejects(
        group.during(stream(all(requests))),
        /chunk|piece|cannot be read/,
        `number ${n}`,
      );
    const message = snapshotMessage(Buffer.from('no snapshot at all'));
    for (const call of [
      () => connection.unary(RaftService.processRaftMessage, { message }),
      () => connection.clientStream(LinkService.send, all([{ messages: [message] }])),
    ])
      await assert.rejects(group.during(call()), /cannot be read/);
    assert.equal(counts().RAFT_CHUNK, before + wrong.length + 2);
    assert.equal(victim.running.machine.restoredAt, undefined);
    await goesOn();
  });

  it('is refused: a snapshot of which no more comes, or that is begun again', async () => {
    let release = (): void => undefined;
    const never = new Promise<void>((resolve) => {
      release = resolve;
    });
    async function* first(data: Buffer): AsyncGenerator<StreamRaftMessageRequest> {
      yield { message: snapshotMessage(data) };
      await never;
    }
    const piece = snapshotData(3_000).subarray(0, 1_000);
    const stalled = stream(first(piece));
    stalled.catch(() => undefined);
    await group.clock.advance(15_000);
    const overtaking = stream(first(piece));
    overtaking.catch(() => undefined);
    await assert.rejects(group.during(stalled), /began to send another snapshot/);
    await assert.rejects(group.during(overtaking), /did not come in time/);
    release();
    assert.equal(counts().RAFT_SNAPSHOT_OVERTAKEN, 1);
    assert.equal(counts().RAFT_SNAPSHOT_STALLED, 1);
    await goesOn();
  });

  it('holds the place of one snapshot in memory, however many members it says to be', async () => {
    const before = counts().RAFT_SNAPSHOT_OVERTAKEN ?? 0;
    const piece = snapshotMessage(snapshotData(3_000).subarray(0, 1_000));
    const ended: Promise<unknown>[] = [];
    for (let nobody = 1_001n; nobody <= 1_010n; nobody++) {
      async function* begun(): AsyncGenerator<StreamRaftMessageRequest> {
        yield { message: { ...piece, from: nobody } };
        await new Promise(() => undefined);
      }
      ended.push(stream(begun()).catch(() => undefined));
      await group.clock.advance(0);
    }
    assert.equal(counts().RAFT_SNAPSHOT_OVERTAKEN, before + 9);
    await group.during(Promise.all(ended));
    await goesOn();
  });

  it('is refused: a snapshot of somebody else, before all of it was read', async () => {
    let read = 0;
    async function* pieces(): AsyncGenerator<StreamRaftMessageRequest> {
      for (; read < 1_000; read++) {
        const message = snapshotMessage(Buffer.alloc(1_000));
        yield { message: { ...message, from: 0n } };
      }
    }
    await group.during(stream(pieces()));
    assert.ok(read < 100, `${read} pieces were read`);
    await goesOn();
  });

  it('is dropped where it is too much for a disk that stands still', async () => {
    const { disk } = victim;
    disk.full = true;
    // Something to be written, so that the member waits for its disk.
    await group.propose(`v${written++}`);
    const { term } = from();
    const message = Message.create({ ...from(), type: MsgHeartbeat, term });
    const messages = Array.from({ length: 500 }, () => message);
    for (let n = 0; n < 100; n++)
      await group.during(connection.clientStream(LinkService.send, all([{ messages }])));
    assert.ok((counts()['too much waits'] ?? 0) > 30_000, JSON.stringify(counts()));
    disk.full = false;
    await goesOn();
  });

  it('is told, when it was removed', async () => {
    const third = group.all.find((one) => one !== victim && one !== culprit) as Manager;
    const { raftId } = third.running.node;
    await group.during(group.leader.running.node.colleagues.group.remove(raftId));
    await group.until(() => third.running.isExpelled);
    await third.stop();
    group.all.splice(group.all.indexOf(third), 1);
    const heartbeat = { message: Message.create({ ...from(), from: raftId, type: MsgHeartbeat }) };
    const late = group.network.client({ nodeId: third.nodeId }).connect(victim.address);
    const calls: readonly (() => Promise<unknown>)[] = [
      () => late.unary(RaftService.processRaftMessage, heartbeat),
      () => late.clientStream(RaftService.streamRaftMessage, all([heartbeat])),
      () => late.clientStream(LinkService.send, all([{ messages: [heartbeat.message] }])),
      () => late.unary(LinkService.greet, { raftId, features: 0 }),
    ];
    for (const call of calls)
      await assert.rejects(group.during(call()), /member was removed from the cluster/);
    assert.equal(counts()['from a removed member'], 3);
    await goesOn();
  });
});
