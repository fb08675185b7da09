import type { SchedulerFilter } from '../../contracts/scheduling.js';
import { clusterVolumesFilter } from './cluster-volumes.js';
import { constraintsFilter } from './constraints.js';
import { hostPortFilter } from './host-port.js';
import { maxReplicasFilter } from './max-replicas.js';
import { platformFilter } from './platform.js';
import { pluginsFilter } from './plugins.js';
import { readyFilter } from './ready.js';
import { resourcesFilter } from './resources.js';

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
