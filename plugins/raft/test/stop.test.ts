import assert from 'node:assert/strict';
import { it } from 'node:test';
import { MemoryDisk } from '@swarmkit/sdk/testkit/memory-disk';
import { VirtualEnv } from '@swarmkit/sdk/testkit/virtual-env';
import { SingleMember } from './single-member.js';

it('a log that cannot be erased on a full disk is let go of all the same', async () => {
  const memory = new MemoryDisk();
  const storage = memory.start();
  const member = new SingleMember(storage);
  await member.start();
  await member.leads();
  memory.full = true;
  await assert.rejects(member.node.stop(true), { code: 'STORAGE_FULL' });
  await (await storage.open('raft')).close();
});

it('a member that is told to stop while it starts counts no time afterwards', async () => {
  const memory = new MemoryDisk();
  const first = await new SingleMember(memory.start()).lead();
  await first.node.stop();
  await memory.stop();
  const env = new VirtualEnv('stop');
  const { node } = new SingleMember(memory.start(), {}, undefined, env);
  const told = new AbortController();
  const started = node.start('node-1', told.signal);
  told.abort();
  await started;
  await node.stop();
  assert.equal(env.clock.armed, 0);
});

it('a member that is told an address which is none does not start, and writes nothing', async () => {
  const memory = new MemoryDisk();
  for (const advertiseAddress of ['', 'manager', 'manager:0', 'a:b:1'])
    await assert
      .rejects(new SingleMember(memory.start(), { advertiseAddress }).start(), {
        code: 'RAFT_MEMBER_ADDRESS',
        message: `advertiseAddress is ${advertiseAddress}, where no manager can be reached: it must be host:port`,
      })
      .then(() => memory.stop());
  assert.deepEqual(memory.contents('raft'), []);
});
