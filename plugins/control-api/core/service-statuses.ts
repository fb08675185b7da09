import type { View } from '@swarmkit/sdk/contracts/store';
import { isJob, observedState } from '@swarmkit/sdk/model/task';
import { type ListServiceStatusesResponse_ServiceStatus as ServiceStatus } from '@swarmkit/sdk/wire/gen/swarmkit/control';
import type { Service, Task } from '@swarmkit/sdk/wire/gen/swarmkit/objects';
import { TaskState } from '@swarmkit/sdk/wire/gen/swarmkit/types';

/** How many tasks a service should have and has. A service that does not exist has none. */
export function serviceStatus(view: View, serviceId: string): ServiceStatus {
  const service = view.get('service', serviceId);
  if (service === undefined)
    return { serviceId, desiredTasks: 0n, runningTasks: 0n, completedTasks: 0n };
  const iteration = isJob(service) ? (service.jobStatus?.jobIteration?.index ?? 0n) : undefined;
  // Of a job, the tasks of earlier iterations are history.
  const tasks = view
    .find('task', { by: 'service', id: serviceId })
    .filter((task) => iteration === undefined || task.jobIteration?.index === iteration);
  const inState = (state: TaskState): bigint =>
    BigInt(tasks.filter((task) => observedState(task) === state).length);
  return {
    serviceId,
    desiredTasks: desiredTasks(service, tasks),
    runningTasks: inState(TaskState.RUNNING),
    completedTasks: iteration === undefined ? 0n : inState(TaskState.COMPLETE),
  };
}

function desiredTasks({ spec }: Service, tasks: readonly Task[]): bigint {
  switch (spec?.mode?.$case) {
    case 'replicated':
      return spec.mode.value.replicas;
    case 'replicatedJob':
      return spec.mode.value.maxConcurrent;
    default:
      return BigInt(tasks.filter(isDesired).length);
  }
}

/** On how many nodes a global service should run is known only from its tasks. */
const isDesired = (task: Task): boolean =>
  task.desiredState === TaskState.RUNNING ||
  (task.desiredState === TaskState.COMPLETE && observedState(task) !== TaskState.COMPLETE);
