import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { isSwarmError } from '@swarmkit/sdk/plugin/errors';
import { Proposals } from '../shell/proposals.js';
import { entry } from './group.js';

describe('waiting proposals', () => {
  it('are answered by their own entry, and refused by another one in its place', async () => {
    const proposals = new Proposals();
    const own = proposals.wait({ index: 4n, term: 2n }, 10);
    const lost = proposals.wait({ index: 5n, term: 2n }, 20);
    assert.equal(proposals.bytes, 30);
    proposals.applied(entry(4, 2));
    proposals.applied(entry(5, 3));
    assert.deepEqual(await own, { index: 4n, term: 2n });
    await assert.rejects(
      lost,
      (error) => isSwarmError(error) && error.code === 'RAFT_LOST_LEADERSHIP',
    );
    assert.equal(proposals.bytes, 0);
  });
});
