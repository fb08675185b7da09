import { Reconcilers } from '@swarmkit/sdk/contracts/reconciler';
import { RpcServer, type Unmount } from '@swarmkit/sdk/contracts/rpc';
import { SchedulerFilters, SchedulerScorers } from '@swarmkit/sdk/contracts/scheduling';
import { Store } from '@swarmkit/sdk/contracts/store';
import { type Context, definePlugin } from '@swarmkit/sdk/plugin/plugin';
import {
  type ExplainPlacementRequest,
  PlacementService,
} from '@swarmkit/sdk/wire/gen/node/placement';
import { Scheduler } from './shell/scheduler.js';

const stages = new WeakMap<Context, Scheduler>();
const unmounts = new WeakMap<Context, Unmount>();

/** Chooses a node for each pending task and says why when there is none. */
export const scheduler = definePlugin({
  id: 'scheduler',
  version: '0.1.0',
  scope: 'leader',
  // Only for who asks why.
  optional: [Store, RpcServer],
  accepts: [SchedulerFilters, SchedulerScorers],
  contributes: [Reconcilers],
  policy: 'degrade',

  register(ctx) {
    const stage = new Scheduler({
      filters: () => ctx.all(SchedulerFilters),
      scorers: () => ctx.all(SchedulerScorers),
      fault: (where, error) => ctx.fault(where, error),
    });
    stages.set(ctx, stage);
    ctx.provide(Reconcilers, stage);
  },

  start(ctx) {
    const [stage, store, server] = [stages.get(ctx), ctx.maybe(Store), ctx.maybe(RpcServer)];
    if (stage === undefined || store === undefined || server === undefined) return;
    const unmount = server.mount({
      definition: PlacementService,
      expose: ['control', 'remote'],
      handlers: {
        explain: {
          unary: ({ taskId }: ExplainPlacementRequest) => ({
            verdicts: stage.explain(store.view(), ctx.env.clock.now(), taskId),
          }),
        },
      },
    });
    unmounts.set(ctx, unmount);
  },

  stop(ctx) {
    unmounts.get(ctx)?.();
  },
});

export default scheduler;
