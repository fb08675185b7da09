import { RpcServer } from '@swarmkit/sdk/contracts/rpc';
import { Store } from '@swarmkit/sdk/contracts/store';
import { type Context, definePlugin } from '@swarmkit/sdk/plugin/plugin';
import { refuseRemoved } from './core/refuse-removed.js';

const guards = new WeakMap<Context, () => void>();

/** Every manager refuses, from its own copy of the state. */
export const removedNodes = definePlugin({
  id: 'removed-nodes',
  version: '0.1.0',
  scope: 'manager',
  requires: [Store, RpcServer],
  // Without it removed nodes would be served again.
  policy: 'stop-node',

  start(ctx) {
    const view = ctx.get(Store).view();
    const authorize = (call: Parameters<typeof refuseRemoved>[0]) => refuseRemoved(call, view);
    guards.set(ctx, ctx.get(RpcServer).guard({ id: 'removed-nodes', authorize }));
  },

  stop(ctx) {
    guards.get(ctx)?.();
  },
});

export default removedNodes;
