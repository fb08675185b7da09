import assert from 'node:assert/strict';
import { it } from 'node:test';
import { VirtualClock } from '@swarmkit/sdk/testkit/virtual-env';
import { Message, MessageType } from '@swarmkit/sdk/wire/gen/raftpb/raft';
import { RaftMember, RaftService } from '@swarmkit/sdk/wire/gen/swarmkit/raft';
import { OUR_FEATURES } from '../core/features.js';
import { Transport } from '../shell/transport.js';
import { quiet } from './single-member.js';

it('who answers members that nobody knows asks for few of them at a time', async () => {
  const clock = new VirtualClock(0);
  const asked: ((addr: string) => void)[] = [];
  const connection = {
    unary: ({ path }: { path: string }) =>
      path === RaftService.resolveAddress.path
        ? new Promise((resolve) => asked.push((addr) => resolve({ addr })))
        : Promise.resolve({ raftId: 2n, features: OUR_FEATURES }),
    clientStream: () => new Promise(() => undefined),
    close: () => undefined,
  };
  const transport = new Transport({
    client: { connect: () => connection as never },
    clock,
    log: quiet,
    greeting: () => ({ raftId: 1n, features: OUR_FEATURES }),
    fillSnapshot: (message) => Promise.resolve(message),
    lost: () => undefined,
    snapshotSent: () => undefined,
    changed: () => undefined,
    refused: () => undefined,
    expelled: () => undefined,
  });
  transport.follow([RaftMember.create({ raftId: 2n, addr: 'known:1' })], () => false);
  await clock.until(() => transport.isReachable(2n));
  const answer = (to: bigint): void =>
    transport.send([Message.create({ type: MessageType.MsgAppResp, to })]);
  for (let nobody = 100n; nobody < 1_100n; nobody++) answer(nobody);
  await clock.advance(0);
  assert.equal(asked.length, 16);
  // Who is found then is reached, and the next one is asked for.
  for (const found of asked.splice(0)) found('there:1');
  await clock.advance(0);
  assert.notEqual(transport.peer(100n), undefined);
  answer(2_000n);
  await clock.advance(0);
  assert.equal(asked.length, 1);
  transport.close();
});
