/** Labels that tie a container to its task, under the names that Docker's tools know. */
import { taskName } from '@swarmkit/sdk/model/task';
import type { Task } from '@swarmkit/sdk/wire/gen/swarmkit/objects';
import type { ContainerSpec } from '@swarmkit/sdk/wire/gen/swarmkit/specs';

export const TASK_ID_LABEL = 'com.docker.swarm.task.id';
export const NODE_ID_LABEL = 'com.docker.swarm.node.id';

/** containerd refuses longer ones, key and value together. */
const LABEL_BOUND = 4096;

/**
 * Spec, then the task's annotations, then the system's own, which nobody overrides. Docker's empty
 * `com.docker.swarm.task` is missing: containerd does not keep labels without a value.
 */
export function containerLabels(task: Task, spec: ContainerSpec): Readonly<Record<string, string>> {
  const own = Object.entries({ ...spec.labels, ...task.annotations?.labels }).filter(
    ([key, value]) =>
      // containerd's garbage collector obeys labels under this prefix; those are not a user's to set.
      !key.startsWith('containerd.io/') && key.length + value.length <= LABEL_BOUND,
  );
  return {
    ...Object.fromEntries(own),
    [TASK_ID_LABEL]: task.id,
    'com.docker.swarm.task.name': taskName(task),
    [NODE_ID_LABEL]: task.nodeId,
    'com.docker.swarm.service.id': task.serviceId,
    'com.docker.swarm.service.name': task.serviceAnnotations?.name ?? '',
  };
}
