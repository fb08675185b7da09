import assert from 'node:assert/strict';
import { it } from 'node:test';
import { MemoryDisk } from '@swarmkit/sdk/testkit/memory-disk';
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
