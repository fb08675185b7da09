import { Reconcilers } from '@swarmkit/sdk/contracts/reconciler';
import { SchedulerFilters, SchedulerScorers } from '@swarmkit/sdk/contracts/scheduling';
import { definePlugin } from '@swarmkit/sdk/plugin/plugin';
import { Scheduler } from './shell/scheduler.js';

/** Chooses a node for each pending task and says why when there is none. */
export const scheduler = definePlugin({
  id: 'scheduler',
  version: '0.1.0',
  scope: 'leader',
  accepts: [SchedulerFilters, SchedulerScorers],
  contributes: [Reconcilers],
  policy: 'degrade',
  register(ctx) {
    ctx.provide(
      Reconcilers,
      new Scheduler({
        filters: () => ctx.all(SchedulerFilters),
        scorers: () => ctx.all(SchedulerScorers),
        fault: (where, error) => ctx.fault(where, error),
      }),
    );
  },
});

export default scheduler;
