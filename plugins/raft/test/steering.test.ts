import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { VirtualEnv } from '@swarmkit/sdk/testkit/virtual-env';
import { Message, MessageType } from '@swarmkit/sdk/wire/gen/raftpb/raft';
import { NEVER } from 'rxjs';
import { OUR_FEATURES } from '../core/features.js';
import type { Raft } from '../core/raft.js';
import type { Colleagues } from '../shell/colleagues.js';
import { Proposals } from '../shell/proposals.js';
import { Steering } from '../shell/steering.js';
import { Group } from './group.js';

/** A member that sees that member 7, who leads, is gone. */
function follower(endorses: boolean) {
  const env = new VirtualEnv('steering');
  const asked: number[] = [];
  const state = { isReachable: false };
  const raft = {
    ...{ leader: 7n, turn: 1, asksFirst: true, endorses },
    leaderIsGone: () => undefined,
    campaign: () => asked.push(env.clock.monotonic()),
  } as unknown as Raft;
  const steering = new Steering(
    {
      env,
      ending: new AbortController().signal,
      proposals: new Proposals(),
      leadership$: NEVER,
      raft: () => raft,
      leading: () => assert.fail('it does not lead'),
      wake: () => undefined,
    },
    () => ({ isReachable: () => state.isReachable }) as unknown as Colleagues,
  );
  const began = env.clock.monotonic();
  steering.seemsDead(7n);
  return { clock: env.clock, state, askedAfter: () => asked.map((at) => at - began) };
}

describe('when the leader is gone a member', () => {
  it('asks the others in its turn', async () => {
    const { clock, askedAfter } = follower(false);
    await clock.advance(199);
    assert.deepEqual(askedAfter(), []);
    await clock.advance(5_000);
    assert.deepEqual(askedAfter(), [200]);
  });

  it('leaves out its turn once where it has said yes to another one, and is there when that one does not stand', async () => {
    const { clock, askedAfter } = follower(true);
    await clock.advance(1_199);
    assert.deepEqual(askedAfter(), []);
    await clock.advance(5_000);
    assert.deepEqual(askedAfter(), [1_200]);
  });

  it('asks nobody when that one is reached again', async () => {
    const { clock, state, askedAfter } = follower(false);
    state.isReachable = true;
    await clock.advance(5_000);
    assert.deepEqual(askedAfter(), []);
  });

  it('knows that it has said yes until it hears a leader', () => {
    const group = Group.of(3, () => 0, OUR_FEATURES);
    group.elect(1);
    const { term, lastIndex: index } = group.raft(1);
    const ask = (): void =>
      group.raft(3).step(
        Message.create({
          ...{ type: MessageType.MsgPreVote, from: 2n, to: 3n },
          ...{ term: term + 1n, index, logTerm: term },
        }),
      );
    ask();
    assert.equal(group.raft(3).endorses, false);
    group.raft(3).leaderIsGone();
    ask();
    assert.equal(group.raft(3).endorses, true);
    group.tick();
    assert.equal(group.raft(3).endorses, false);
  });
});
