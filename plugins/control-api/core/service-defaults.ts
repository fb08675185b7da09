/** What an absent field of a service spec means, filled in for readers who ask. Never stored. */
import { durationFromMs } from '@swarmkit/sdk/model/time';
import type { Service } from '@swarmkit/sdk/wire/gen/swarmkit/objects';
import {
  ContainerSpec_DNSConfig,
  ContainerSpec_PullOptions,
  type ServiceSpec,
  TaskSpec,
} from '@swarmkit/sdk/wire/gen/swarmkit/specs';
import {
  Placement,
  ResourceRequirements,
  RestartPolicy,
  RestartPolicy_RestartCondition,
  UpdateConfig,
  UpdateConfig_FailureAction,
  UpdateConfig_UpdateOrder,
} from '@swarmkit/sdk/wire/gen/swarmkit/types';

const stopGracePeriod = durationFromMs(10_000);
const restartDelay = durationFromMs(5_000);
const monitor = durationFromMs(5_000);

const restart = RestartPolicy.create({
  condition: RestartPolicy_RestartCondition.ANY,
  delay: restartDelay,
});

const update = UpdateConfig.create({
  parallelism: 1n,
  failureAction: UpdateConfig_FailureAction.PAUSE,
  monitor,
  order: UpdateConfig_UpdateOrder.STOP_FIRST,
});

export const withDefaults = (service: Service): Service =>
  service.spec === undefined ? service : { ...service, spec: specWithDefaults(service.spec) };

const specWithDefaults = (spec: ServiceSpec): ServiceSpec => ({
  ...spec,
  task: taskWithDefaults(spec.task ?? TaskSpec.create()),
  update: updateWithDefaults(spec.update),
  rollback: updateWithDefaults(spec.rollback),
});

const taskWithDefaults = (task: TaskSpec): TaskSpec => ({
  ...task,
  runtime: runtimeWithDefaults(task.runtime),
  resources: task.resources ?? ResourceRequirements.create(),
  // A policy that is there is taken at its word; only its delay has a default.
  restart:
    task.restart === undefined
      ? restart
      : { ...task.restart, delay: task.restart.delay ?? restartDelay },
  placement: task.placement ?? Placement.create(),
});

function runtimeWithDefaults(runtime: TaskSpec['runtime']): TaskSpec['runtime'] {
  if (runtime?.$case !== 'container') return runtime;
  const container = runtime.value;
  return {
    $case: 'container',
    value: {
      ...container,
      stopGracePeriod: container.stopGracePeriod ?? stopGracePeriod,
      pullOptions: container.pullOptions ?? ContainerSpec_PullOptions.create(),
      dnsConfig: container.dnsConfig ?? ContainerSpec_DNSConfig.create(),
    },
  };
}

const updateWithDefaults = (config: UpdateConfig | undefined): UpdateConfig =>
  config === undefined ? update : { ...config, monitor: config.monitor ?? monitor };
