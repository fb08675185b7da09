import { durationFromMs } from '@swarmkit/sdk/model/time';
import { BUSYBOX_REFERENCE } from '@swarmkit/sdk/testkit/busybox-image';
import { ContainerSpec, ServiceSpec, TaskSpec } from '@swarmkit/sdk/wire/gen/swarmkit/specs';

/** Specs of services as tests need them: a busybox that sleeps and goes at once when it is told to. */

export interface ServiceWords {
  readonly name: string;
  /** Default 1. */
  readonly replicas?: number;
  readonly global?: boolean;
  readonly labels?: Readonly<Record<string, string>>;
  readonly container?: Parameters<typeof ContainerSpec.fromPartial>[0];
  readonly task?: Parameters<typeof TaskSpec.fromPartial>[0];
}

export const sleeping = ['sleep', '100000'];

export const serviceSpec = (words: ServiceWords): ServiceSpec =>
  ServiceSpec.create({
    ...ServiceSpec.fromPartial({ annotations: { name: words.name, labels: words.labels ?? {} } }),
    mode: words.global
      ? { $case: 'global', value: {} }
      : { $case: 'replicated', value: { replicas: BigInt(words.replicas ?? 1) } },
    task: TaskSpec.fromPartial({
      ...words.task,
      runtime: {
        $case: 'container',
        value: ContainerSpec.fromPartial({
          image: BUSYBOX_REFERENCE,
          args: sleeping,
          // `sleep` as a container's first process does not hear SIGTERM.
          stopSignal: 'SIGKILL',
          stopGracePeriod: durationFromMs(1_000),
          ...words.container,
        }),
      },
    }),
  });

export const withReplicas = (spec: ServiceSpec, replicas: number): ServiceSpec => ({
  ...spec,
  mode: { $case: 'replicated', value: { replicas: BigInt(replicas) } },
});

export function withContainer(spec: ServiceSpec, change: Partial<ContainerSpec>): ServiceSpec {
  const runtime = spec.task?.runtime;
  if (spec.task === undefined || runtime?.$case !== 'container')
    throw new Error('not a container service');
  const value = { ...runtime.value, ...change };
  return { ...spec, task: { ...spec.task, runtime: { $case: 'container', value } } };
}
