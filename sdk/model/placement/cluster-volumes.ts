import type { SchedulerFilter } from '../../contracts/scheduling.js';
import type { Task } from '../../wire/gen/swarmkit/objects.js';
import { Mount_Type } from '../../wire/gen/swarmkit/types.js';
import { onNodes } from './on-nodes.js';

/** Cluster (CSI) volumes are not managed by this cluster, so no node can offer one. */
export const clusterVolumesFilter: SchedulerFilter = {
  id: 'cluster-volumes',
  order: 800,
  nodeOnly: true,
  applies: mountsClusterVolume,
  passes: (task) => !mountsClusterVolume(task),
  explain: (nodes) => `cannot fulfill requested CSI volume mounts ${onNodes(nodes)}`,
};

function mountsClusterVolume(task: Task): boolean {
  return (
    task.spec?.runtime?.$case === 'container' &&
    task.spec.runtime.value.mounts.some((mount) => mount.type === Mount_Type.CLUSTER)
  );
}
