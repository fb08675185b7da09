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
