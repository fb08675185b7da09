import { SchedulerScorers } from '@swarmkit/sdk/contracts/scheduling';
import { definePlugin } from '@swarmkit/sdk/plugin/plugin';

/** Prefers nodes with the label `disk=ssd`; the built-in scorers decide among equals. */
export default definePlugin({
  id: 'acme-ssd-first',
  version: '1.0.0',
  scope: 'leader',
  contributes: [SchedulerScorers],
  register(ctx) {
    ctx.provide(SchedulerScorers, {
      id: 'ssd-first',
      order: 50,
      score: (_task, { node }) => (node.spec?.annotations?.labels.disk === 'ssd' ? 0 : 1),
    });
  },
});
