import type { SchedulerFilter } from '@swarmkit/sdk/contracts/scheduling';
import { clusterVolumesFilter } from './filters/cluster-volumes.js';
import { constraintsFilter } from './filters/constraints.js';
import { hostPortFilter } from './filters/host-port.js';
import { maxReplicasFilter } from './filters/max-replicas.js';
import { platformFilter } from './filters/platform.js';
import { pluginsFilter } from './filters/plugins.js';
import { readyFilter } from './filters/ready.js';
import { resourcesFilter } from './filters/resources.js';

/** SwarmKit's filters in SwarmKit's order: a node is charged to the first that it fails. */
export const builtInFilters: readonly SchedulerFilter[] = [
  readyFilter,
  resourcesFilter,
  pluginsFilter,
  constraintsFilter,
  platformFilter,
  hostPortFilter,
  maxReplicasFilter,
  clusterVolumesFilter,
];
