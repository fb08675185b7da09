import assert from 'node:assert/strict';
import { it } from 'node:test';
import { MemoryDisk } from '@swarmkit/sdk/testkit/memory-disk';
import { Message, MessageType } from '@swarmkit/sdk/wire/gen/raftpb/raft';
import { SingleMember } from './single-member.js';

// A process that was stopped for a while finds the new leader's messages when it goes on. The first one
// shortens its log; a write in the same turn would be checked against entries that are no more.
it('a leader that another one has replaced takes no write from that moment on', async () => {
  const { node } = await new SingleMember(new MemoryDisk().start()).lead();
  await node.propose(Buffer.from('a'));
  const { term } = node.leadership();
  const late = node.propose(Buffer.from('b')).catch((error: { code: string }) => error.code);
  node.step(
    Message.create({
      type: MessageType.MsgHeartbeat,
      from: 99n,
      to: node.raftId,
      term: term + 5n,
      commit: 0n,
    }),
  );
  assert.equal(node.leadership().leading, false, 'it says so before anybody can ask');
  await assert.rejects(node.propose(Buffer.from('c')), { code: 'RAFT_NOT_LEADER' });
  assert.equal(await late, 'RAFT_LOST_LEADERSHIP');
  await node.stop();
});
