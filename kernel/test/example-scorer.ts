import { SchedulerScorers } from '@swarmkit/sdk/contracts/scheduling';
import { definePlugin } from '@swarmkit/sdk/plugin/plugin';

/** Packs tasks: the fuller of two nodes wins. */
export default definePlugin<{ readonly order: number }>({
  id: 'acme-pack-scorer',
  version: '1.0.0',
  scope: 'leader',
  contributes: [SchedulerScorers],
  config: { properties: { order: { type: 'integer', default: 50 } } },
  register(ctx) {
    ctx.provide(SchedulerScorers, {
      id: 'acme-pack',
      order: ctx.config.order,
      score: (_task, node) => -node.activeTasks,
    });
  },
});
