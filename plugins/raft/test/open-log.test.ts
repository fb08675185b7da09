import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { MemoryDisk } from '@swarmkit/sdk/testkit/memory-disk';
import { VirtualEnv } from '@swarmkit/sdk/testkit/virtual-env';
import { HardState } from '@swarmkit/sdk/wire/gen/raftpb/raft';
import { type JoinResponse, RaftMember } from '@swarmkit/sdk/wire/gen/swarmkit/raft';
import { LogCipher } from '../shell/log-cipher.js';
import { LogDisk } from '../shell/log-disk.js';
import { openLog } from '../shell/open-log.js';
import { entry } from './group.js';
import { quiet } from './single-member.js';

const cipher = new LogCipher({ bytes: (count) => new Uint8Array(count) });
const answer = (raftId: bigint): JoinResponse => ({
  raftId,
  members: [
    RaftMember.create({ raftId: 1n, nodeId: 'leader', addr: 'leader:4242' }),
    RaftMember.create({ raftId, nodeId: 'joiner', addr: 'joiner:4242' }),
  ],
  removedMembers: [],
});

describe('a member that was taken in', () => {
  const lives = async () => {
    const memory = new MemoryDisk();
    let asked = 0;
    let met: readonly RaftMember[] | undefined;
    const open = async (raftId: bigint) => {
      const disk = await LogDisk.open(memory.start(), cipher);
      const log = await openLog(disk, 'joiner', {
        random: new VirtualEnv('open').random,
        features: 0,
        ownAddress: () => 'joiner:4242',
        mustJoin: () => true,
        forceNewCluster: false,
        log: quiet,
        wasTakenIn: (members) => {
          met = members;
        },
        join: async () => {
          asked++;
          return answer(raftId);
        },
      });
      return { disk, log };
    };
    return { memory, open, asked: () => asked, met: () => met };
  };

  it('knows whom it met when it died before the leader said anything, and what it promised', async () => {
    const { memory, open, asked, met } = await lives();
    const { disk } = await open(7n);
    const hardState = HardState.create({ term: 3n, vote: 1n });
    await disk.write({ hardState, snapshot: undefined, entries: [] });
    memory.crash();
    const { log } = await open(8n);
    assert.equal(asked(), 1, 'the leader may be gone, and wait for this vote');
    assert.equal(log.member.raftId, 7n);
    assert.deepEqual(log.hardState, hardState);
    assert.deepEqual(
      met()?.map(({ addr }) => addr),
      ['leader:4242', 'joiner:4242'],
    );
  });

  it('asks nobody once it has a log', async () => {
    const { memory, open, asked } = await lives();
    const { disk } = await open(7n);
    const hardState = HardState.create({ term: 3n });
    await disk.write({ hardState, snapshot: undefined, entries: [entry(1, 3)] });
    memory.crash();
    assert.equal((await open(7n)).log.entries.length, 1);
    assert.equal(asked(), 1);
  });
});
