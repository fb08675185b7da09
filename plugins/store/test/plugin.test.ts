import assert from 'node:assert/strict';
import test from 'node:test';
import { Consensus, type Leadership, type StateMachine } from '@swarmkit/sdk/contracts/consensus';
import { Store } from '@swarmkit/sdk/contracts/store';
import type { Context } from '@swarmkit/sdk/plugin/plugin';
import type { Token } from '@swarmkit/sdk/plugin/token';
import { aNode } from '@swarmkit/sdk/testkit/fixtures';
import { VirtualEnv } from '@swarmkit/sdk/testkit/virtual-env';
import { type Observable, Subject } from 'rxjs';
import { store } from '../plugin.js';
import { FakeConsensus } from './fake-consensus.js';
import { anyone, collecting } from './rig.js';

test('the plugin attaches itself to consensus once, and drops what is in flight when it leads no more', async () => {
  const log = new FakeConsensus();
  const leadership$ = new Subject<Leadership>();
  const attached: StateMachine[] = [];
  const provided = new Map<symbol, unknown>();
  const consensus = {
    propose: log.propose.bind(log),
    get lastIndex() {
      return log.lastIndex;
    },
    attach: (machine: StateMachine) => {
      attached.push(machine);
      log.attach(machine);
    },
    leadership$,
  };
  const quiet = () => undefined;
  const context = {
    env: new VirtualEnv('plugin'),
    log: { debug: quiet, info: quiet, warn: quiet, error: quiet },
    channel: () => collecting([]),
    get: (token: Token<unknown>) => {
      assert.equal(token.key, Consensus.key);
      return consensus;
    },
    provide: (token: Token<unknown>, value: unknown) => provided.set(token.key, value),
    consume: <T>(_name: string, stream: Observable<T>, handler: (value: T) => void) => {
      stream.subscribe(handler);
    },
  } as unknown as Context;
  store.register?.(context);
  await store.start?.(context);
  const service = provided.get(Store.key) as Store;
  assert.deepEqual(attached, [service]);
  const lost = assert.rejects(
    service.update(anyone, (draft) => draft.create('node', aNode({ id: 'n' }))),
    /lost leader/,
  );
  leadership$.next({ term: 1n, leading: true, leaderId: 1n });
  assert.equal(service.head().count('node'), 1);
  leadership$.next({ term: 2n, leading: false, leaderId: 2n });
  assert.equal(service.head().count('node'), 0);
  log.loseLeadership();
  await lost;
});
