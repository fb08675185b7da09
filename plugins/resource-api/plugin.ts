import { RpcServer } from '@swarmkit/sdk/contracts/rpc';
import { Store } from '@swarmkit/sdk/contracts/store';
import { type Context, definePlugin } from '@swarmkit/sdk/plugin/plugin';
import { ResourceAllocatorService } from '@swarmkit/sdk/wire/gen/swarmkit/resource';
import { stopped } from './core/refusals.js';
import { resourceHandlers } from './shell/handlers.js';

const ends = new WeakMap<Context, () => void>();

/** Attaches containers that a node's engine was told to start by hand to networks of the cluster, while this manager leads. */
export const resourceApi = definePlugin({
  id: 'resource-api',
  version: '0.1.0',
  scope: 'leader',
  requires: [Store, RpcServer],
  policy: 'restart',

  start(ctx) {
    const unmount = ctx.get(RpcServer).mount({
      definition: ResourceAllocatorService,
      expose: ['control', 'remote'],
      handlers: resourceHandlers(ctx.get(Store), ctx.env),
    });
    ends.set(ctx, () => unmount(stopped()));
  },

  stop(ctx) {
    ends.get(ctx)?.();
  },
});

export default resourceApi;
