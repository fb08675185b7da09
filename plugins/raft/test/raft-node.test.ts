import assert from 'node:assert/strict';
import { beforeEach, describe, it } from 'node:test';
import { isSwarmError } from '@swarmkit/sdk/plugin/errors';
import { consensusConformance } from '@swarmkit/sdk/testkit/consensus-conformance';
import { MemoryDisk } from '@swarmkit/sdk/testkit/memory-disk';
import { VirtualEnv } from '@swarmkit/sdk/testkit/virtual-env';
import { ConfState, Message, MessageType, Snapshot } from '@swarmkit/sdk/wire/gen/raftpb/raft';
import { SingleMember } from './single-member.js';

const refusal = (code: string) => (error: unknown) => isSwarmError(error) && error.code === code;
const code = (error: unknown): unknown => (isSwarmError(error) ? error.code : error);
const texts = (count: number, from = 0): string[] =>
  Array.from({ length: count }, (_, i) => `v${from + i}`);

consensusConformance('raft', async () => {
  const disk = new MemoryDisk();
  let member: SingleMember | undefined;
  return {
    start: async (machine) => {
      member = new SingleMember(disk.start(), { snapshotInterval: 100, keepEntries: 20 }, machine);
      await member.start();
      return member.node;
    },
    stop: async () => {
      await member?.node.stop();
      await disk.stop();
    },
    dispose: async () => {},
  };
});

describe('a group of one', () => {
  let disk: MemoryDisk;
  beforeEach(() => {
    disk = new MemoryDisk();
  });

  it('elects itself at once and says so only when everything before was applied', async () => {
    const member = new SingleMember(disk.start());
    member.machine.onApply = () => assert.equal(member.node.leadership().leading, false);
    await member.lead();
    const { node, machine } = member;
    assert.ok(node.raftId >= 1n && node.raftId <= 1n << 63n);
    assert.deepEqual(node.leadership(), { term: 2n, leading: true, leaderId: node.raftId });
    // Entry 1 adds the member, entry 2 begins the term.
    assert.deepEqual(machine.applied, [1n, 2n]);
    assert.equal(node.lastIndex, 2n);
    assert.deepEqual(node.members(), [
      { raftId: node.raftId, nodeId: 'node-1', address: '', reachable: true, votes: true },
    ]);
    await node.stop();
  });

  it('answers nobody before the entry is on the disk', async () => {
    const { node, machine } = await new SingleMember(disk.start()).lead();
    disk.hold();
    let answered = false;
    const proposed = node.propose(Buffer.from('a')).then(() => {
      answered = true;
    });
    for (let i = 0; i < 20; i++) await new Promise((resolve) => setImmediate(resolve));
    assert.equal(answered, false);
    assert.deepEqual(machine.tape, []);
    disk.release();
    await proposed;
    assert.deepEqual(machine.tape, ['a']);
    await node.stop();
  });

  it('writes what was proposed during a write in the next one', async () => {
    const { node, machine } = await new SingleMember(disk.start()).lead();
    disk.hold();
    const proposals = texts(100).map((text) => node.propose(Buffer.from(text)));
    disk.release();
    await Promise.all(proposals);
    assert.deepEqual(machine.tape, texts(100));
    await node.stop();
  });

  it('has every acknowledged entry after a crash', async () => {
    const first = await new SingleMember(disk.start()).lead();
    await Promise.all(texts(20).map((text) => first.propose(text)));
    disk.hold();
    for (const text of texts(5, 20)) void first.propose(text).catch(() => {});
    await new Promise((resolve) => setImmediate(resolve));
    disk.crash();
    disk.release();
    const second = await new SingleMember(disk.start()).lead();
    assert.deepEqual(second.machine.tape, texts(20));
    await second.node.stop();
  });

  it('sends a snapshot with the configuration that belongs to it', async () => {
    const { node } = await new SingleMember(disk.start(), { snapshotInterval: 10 }).lead();
    for (const text of texts(12)) await node.propose(Buffer.from(text));
    const taken = 10n;
    const meant = (index: bigint): Message => {
      const confState = ConfState.create({ voters: [node.raftId, 99n] });
      const snapshot = Snapshot.create({ metadata: { index, term: 2n, confState } });
      return Message.create({ type: MessageType.MsgSnap, to: 99n, snapshot });
    };
    const sent = async (index: bigint) =>
      (await node.fillSnapshot(meant(index))).snapshot?.metadata;
    const same = await sent(taken);
    assert.deepEqual([same?.index, same?.confState.voters], [taken, [node.raftId, 99n]]);
    // It took the place of the one that was meant, and may know of a change since.
    const newer = await sent(taken - 1n);
    assert.deepEqual([newer?.index, newer?.confState.voters], [taken, [node.raftId]]);
    await node.stop();
  });

  it('restores from a snapshot and replays only what follows', async () => {
    const config = { snapshotInterval: 10, keepEntries: 3 };
    const first = await new SingleMember(disk.start(), config).lead();
    for (const text of texts(47)) await first.propose(text);
    await first.node.stop();
    await disk.stop();
    const left = disk
      .contents('raft')
      .filter(([key]) => Buffer.from(key).toString().startsWith('entry/'));
    assert.ok(left.length < 20, `${left.length} entries are left`);
    const second = await new SingleMember(disk.start(), config).lead();
    assert.deepEqual(second.machine.tape, texts(47));
    const { restoredAt, applied } = second.machine;
    assert.ok(restoredAt !== undefined && restoredAt >= 30n);
    assert.equal(applied[0], restoredAt + 1n);
    assert.equal(second.node.members().length, 1);
    await second.node.stop();
  });

  it('goes on while a snapshot is encoded, and the snapshot is of its own moment', async () => {
    const config = { snapshotInterval: 10, keepEntries: 0 };
    const first = await new SingleMember(disk.start(), config).lead();
    let encoded = (): void => {};
    first.machine.encoding = new Promise((resolve) => {
      encoded = resolve;
    });
    for (const text of texts(30)) await first.propose(text);
    encoded();
    await first.node.stop();
    await disk.stop();
    const second = await new SingleMember(disk.start(), config).lead();
    assert.equal(second.machine.restoredAt, 10n);
    assert.deepEqual(second.machine.tape, texts(30));
    await second.node.stop();
  });

  it('refuses proposals before it leads, when they are too large, and when it is stopped', async () => {
    const member = new SingleMember(disk.start());
    await assert.rejects(member.propose('early'), refusal('RAFT_NOT_LEADER'));
    await member.lead();
    await assert.rejects(member.node.propose(Buffer.alloc(1_572_865)), refusal('RAFT_TOO_LARGE'));
    await member.node.propose(Buffer.alloc(1_572_864));
    await member.node.stop();
    await assert.rejects(member.propose('late'), refusal('RAFT_STOPPED'));
  });

  it('refuses proposals when too much waits for the disk', async () => {
    const { node } = await new SingleMember(disk.start()).lead();
    disk.hold();
    const outcomes = Array.from({ length: 44 }, () => node.propose(Buffer.alloc(1_500_000)));
    const settled = Promise.allSettled(outcomes);
    await assert.rejects(node.propose(Buffer.alloc(1_500_000)), refusal('RAFT_BUSY'));
    disk.release();
    assert.ok((await settled).every(({ status }) => status === 'fulfilled'));
    await node.propose(Buffer.alloc(1_500_000));
    await node.stop();
  });

  it('ends its leadership when it stops, and tells those who wait', async () => {
    const { node, leaderships } = await new SingleMember(disk.start()).lead();
    disk.hold();
    const waiting = node.propose(Buffer.from('a'));
    const stopping = node.stop();
    await assert.rejects(waiting, refusal('RAFT_STOPPED'));
    assert.equal(leaderships.at(-1)?.leading, false);
    disk.release();
    await stopping;
  });

  it('lets the event loop run while it applies for long', async () => {
    const first = await new SingleMember(disk.start()).lead();
    await Promise.all(texts(100).map((text) => first.propose(text)));
    await first.node.stop();
    await disk.stop();
    const env = new VirtualEnv('slow');
    let elapsed = 0;
    env.clock.monotonic = () => elapsed;
    const second = new SingleMember(disk.start(), {}, undefined, env);
    let between = 0;
    let applied = 0;
    second.machine.onApply = () => {
      // A slice ends after four entries of 3 ms.
      elapsed += 3;
      applied++;
      const seen = applied;
      setImmediate(() => {
        if (seen === applied) between++;
      });
    };
    await second.lead();
    assert.ok(between >= 20, `${between} turns of the event loop`);
    await second.node.stop();
  });
});

describe('a group of one on a bad disk', () => {
  it('holds writes back while the disk is full, then carries them out by itself', async () => {
    const disk = new MemoryDisk();
    const env = new VirtualEnv('full');
    const member = await new SingleMember(disk.start(), {}, undefined, env).lead();
    const { node, machine, leaderships } = member;
    await member.propose('before');
    disk.full = true;
    const held = member.propose('held');
    await assert.rejects(held, (error) => {
      assert.equal(code(error), 'RAFT_DISK_FULL');
      assert.match(String(error), /^SwarmError: the write is held back .* disk .* full/);
      return true;
    });
    assert.equal(node.leadership().leading, false);
    await assert.rejects(member.propose('refused'), (error) => {
      assert.equal(code(error), 'RAFT_DISK_FULL');
      assert.match(String(error), /^SwarmError: nothing was written: .*full/);
      return true;
    });
    await env.clock.advance(60_000);
    assert.deepEqual(machine.tape, ['before']);
    disk.full = false;
    await env.clock.until(() => node.leadership().leading);
    assert.deepEqual(machine.tape, ['before', 'held']);
    await member.propose('after');
    assert.deepEqual(machine.tape, ['before', 'held', 'after']);
    assert.deepEqual(
      leaderships.map(({ leading }) => leading).filter((leading, i, all) => leading !== all[i - 1]),
      [false, true, false, true],
    );
    assert.deepEqual(member.faults, []);
    await node.stop();
  });

  it('can be stopped while it waits for room', async () => {
    const disk = new MemoryDisk();
    const member = await new SingleMember(disk.start()).lead();
    disk.full = true;
    await assert.rejects(member.propose('held'), refusal('RAFT_DISK_FULL'));
    await member.node.stop();
  });

  it('is a fault of the node when the disk does not take writes', async () => {
    const disk = new MemoryDisk();
    const member = await new SingleMember(disk.start()).lead();
    disk.broken = true;
    await assert.rejects(member.propose('a'), refusal('RAFT_STOPPED'));
    assert.deepEqual(member.faults.map(code), ['STORAGE_IO']);
    assert.equal(member.node.leadership().leading, false);
    await member.node.stop();
  });

  it('is a fault of the node when the state machine throws', async () => {
    const disk = new MemoryDisk();
    const member = await new SingleMember(disk.start()).lead();
    const bug = new Error('bug');
    member.machine.onApply = () => {
      throw bug;
    };
    await assert.rejects(member.propose('a'), refusal('RAFT_STOPPED'));
    assert.deepEqual(member.faults, [bug]);
    await member.node.stop();
  });
});
