import { RpcServer } from '@swarmkit/sdk/contracts/rpc';
import { Store } from '@swarmkit/sdk/contracts/store';
import { type Context, definePlugin } from '@swarmkit/sdk/plugin/plugin';
import { WatchService } from '@swarmkit/sdk/wire/gen/swarmkit/watch';
import { stopped } from './core/watch-errors.js';
import { Watchers } from './shell/watchers.js';

const ends = new WeakMap<Context, () => void>();

/** The docker.swarmkit.v1.Watch service, answered by every manager from its own store. */
export const watchApi = definePlugin({
  id: 'watch-api',
  version: '0.1.0',
  scope: 'manager',
  requires: [Store, RpcServer],
  policy: 'degrade',

  start(ctx) {
    const store = ctx.get(Store);
    const watchers = new Watchers(store.view().index);
    ctx.consume('store.commits', store.commits$, (commit) => watchers.onCommit(commit));
    const unmount = ctx.get(RpcServer).mount({
      definition: WatchService,
      expose: ['control', 'remote'],
      handlers: {
        watch: { serverStream: (request, call, send) => watchers.watch(request, call, send) },
      },
    });
    ends.set(ctx, () => unmount(stopped()));
  },

  stop(ctx) {
    ends.get(ctx)?.();
  },
});

export default watchApi;
