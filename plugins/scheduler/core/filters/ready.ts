import type { SchedulerFilter } from '@swarmkit/sdk/contracts/scheduling';
import { NodeSpec_Availability } from '@swarmkit/sdk/wire/gen/swarmkit/specs';
import { NodeStatus_State } from '@swarmkit/sdk/wire/gen/swarmkit/types';

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
