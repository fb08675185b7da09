import type { SchedulerFilter } from '../../contracts/scheduling.js';
import { NodeSpec_Availability } from '../../wire/gen/swarmkit/specs.js';
import { NodeStatus_State } from '../../wire/gen/swarmkit/types.js';

export const readyFilter: SchedulerFilter = {
  id: 'ready',
  order: 100,
  nodeOnly: true,
  applies: () => true,
  passes: (_task, { node }) =>
    node.status?.state === NodeStatus_State.READY &&
    (node.spec?.availability ?? NodeSpec_Availability.ACTIVE) === NodeSpec_Availability.ACTIVE,
  explain: (nodes) =>
    nodes === 1
      ? '1 node not available for new tasks'
      : `${nodes} nodes not available for new tasks`,
};
