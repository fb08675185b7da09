import { SchedulerFilters } from '@swarmkit/sdk/contracts/scheduling';
import { definePlugin } from '@swarmkit/sdk/plugin/plugin';

/** Tasks of services with the label `acme.licence` run only on nodes whose label of that name has the same value. */
export default definePlugin({
  id: 'acme-licensed-nodes',
  version: '1.0.0',
  scope: 'leader',
  contributes: [SchedulerFilters],
  register(ctx) {
    ctx.provide(SchedulerFilters, {
      id: 'licence',
      order: 900,
      nodeOnly: true,
      applies: (task) => task.serviceAnnotations?.labels['acme.licence'] !== undefined,
      passes: (task, { node }) =>
        node.spec?.annotations?.labels['acme.licence'] ===
        task.serviceAnnotations?.labels['acme.licence'],
      explain: (nodes) => `no licence on ${nodes} ${nodes === 1 ? 'node' : 'nodes'}`,
    });
  },
});
