import { KeyLock } from '@swarmkit/sdk/contracts/key-lock';
import { RpcServer, type Unmount } from '@swarmkit/sdk/contracts/rpc';
import { Store } from '@swarmkit/sdk/contracts/store';
import { SwarmError } from '@swarmkit/sdk/plugin/errors';
import { type Context, definePlugin } from '@swarmkit/sdk/plugin/plugin';
import { LockService } from '@swarmkit/sdk/wire/gen/node/lock';
import { LockKeeper } from './shell/lock-keeper.js';

const unmounts = new WeakMap<Context, Unmount>();

export const autolock = definePlugin({
  id: 'autolock',
  version: '0.1.0',
  scope: 'manager',
  requires: [Store, KeyLock, RpcServer],
  // An operator who has locked the managers relies on it: better no manager than one that stays open.
  policy: 'stop-node',

  start(ctx) {
    const store = ctx.get(Store);
    const keeper = new LockKeeper({
      view: store.view(),
      lock: ctx.get(KeyLock),
      clock: ctx.env.clock,
      log: ctx.log,
    });
    ctx.consume('store.commits', store.commits$, () => keeper.look(ctx.signal));
    ctx.run('look', () => keeper.look(ctx.signal));
    const unlock = (): never => {
      throw new SwarmError('failed-precondition', 'AUTOLOCK_NOT_LOCKED', 'this node is not locked');
    };
    // While a node is locked it is another one that serves this.
    const unmount = ctx.get(RpcServer).mount({
      definition: LockService,
      expose: ['control'],
      handlers: { unlock: { unary: unlock } },
    });
    unmounts.set(ctx, unmount);
  },

  stop(ctx) {
    unmounts.get(ctx)?.();
  },
});

export default autolock;
