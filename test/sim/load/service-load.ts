/**
 * Users at work: services and jobs of every mode come, change, fail, roll back and go, and nodes are
 * drained and activated. Small numbers and little room, so that everything is scarce.
 */
import { durationFromMs } from '@swarmkit/sdk/model/time';
import type { Random } from '@swarmkit/sdk/plugin/env';
import type { Behaviour } from '@swarmkit/sdk/testkit/fake-executor';
import { ControlService } from '@swarmkit/sdk/wire/gen/swarmkit/control';
import type { Node, Service, Task } from '@swarmkit/sdk/wire/gen/swarmkit/objects';
import { NodeSpec_Availability, ServiceSpec } from '@swarmkit/sdk/wire/gen/swarmkit/specs';
import {
  RestartPolicy_RestartCondition,
  UpdateConfig_FailureAction,
  UpdateConfig_UpdateOrder,
} from '@swarmkit/sdk/wire/gen/swarmkit/types';
import type { Partially } from '@swarmkit/sdk/testkit/fixtures';
import { seededRandom } from '@swarmkit/sdk/testkit/virtual-env';
import type { ControlClient } from './control-client.js';

/** One CPU. */
export const cpu = 1_000_000_000n;
export const megabyte = 1n << 20n;

const one = <T>(random: Random, ...choices: readonly T[]): T =>
  choices[random.int(choices.length)] as T;

/** What a container of this image does; the same for the same task on every replay. */
export function behaviourOf(seed: string, task: Task): Behaviour {
  const runtime = task.spec?.runtime;
  const image = runtime?.$case === 'container' ? runtime.value.image : '';
  const random = seededRandom(`${seed}/task/${task.id}`);
  const steps = { prepareMs: random.int(300), startMs: random.int(300), stopMs: random.int(500) };
  switch (image) {
    case 'job:1':
      return { ...steps, exitAfterMs: 200 + random.int(2_000), exit: { code: 0 } };
    case 'flaky-job:1':
      return {
        ...steps,
        exitAfterMs: 200 + random.int(2_000),
        exit: { code: random.int(3) ? 0 : 1 },
      };
    case 'crash:1':
      return { ...steps, exitAfterMs: random.int(1_500), exit: { code: 1 } };
    case 'missing:1':
      return { ...steps, prepareError: new Error('no such image') };
    case 'flaky:1':
      return random.int(3) === 0
        ? { ...steps, exitAfterMs: random.int(4_000), exit: { code: 1 } }
        : steps;
    case 'slow:1':
      return { prepareMs: 1_000 + random.int(3_000), startMs: 500, stopMs: 2_000 };
    default:
      return steps;
  }
}

export const goodImages = ['good:1', 'good:2', 'good:3', 'slow:1'];
const badImages = ['crash:1', 'missing:1', 'flaky:1'];

const updateConfig = (random: Random) => ({
  parallelism: one(random, 0n, 1n, 1n, 2n),
  delay: durationFromMs(one(random, 0, 0, 500, 2_000)),
  failureAction: one(
    random,
    UpdateConfig_FailureAction.PAUSE,
    UpdateConfig_FailureAction.CONTINUE,
    UpdateConfig_FailureAction.ROLLBACK,
  ),
  monitor: durationFromMs(one(random, 500, 2_000)),
  maxFailureRatio: one(random, 0, 0, 0.5),
  order: one(random, UpdateConfig_UpdateOrder.STOP_FIRST, UpdateConfig_UpdateOrder.START_FIRST),
});

const modeOf = (random: Random): Partially<NonNullable<ServiceSpec['mode']>> => {
  switch (random.int(8)) {
    case 0:
    case 1:
      return { $case: 'global', value: {} } as const;
    case 2:
    case 3:
      return {
        $case: 'replicatedJob',
        value: {
          maxConcurrent: BigInt(1 + random.int(2)),
          totalCompletions: BigInt(1 + random.int(4)),
        },
      } as const;
    case 4:
      return { $case: 'globalJob', value: {} } as const;
    default:
      return { $case: 'replicated', value: { replicas: BigInt(random.int(5)) } } as const;
  }
};

export function randomSpec(random: Random, name: string): ServiceSpec {
  const mode = modeOf(random);
  const isJob = mode.$case === 'replicatedJob' || mode.$case === 'globalJob';
  const image = isJob
    ? one(random, 'job:1', 'flaky-job:1')
    : one(random, ...goodImages, ...goodImages, ...badImages);
  return ServiceSpec.fromPartial({
    annotations: { name },
    mode,
    task: {
      runtime: { $case: 'container', value: { image } },
      restart: {
        condition: isJob
          ? RestartPolicy_RestartCondition.ON_FAILURE
          : one(
              random,
              RestartPolicy_RestartCondition.ANY,
              RestartPolicy_RestartCondition.ANY,
              RestartPolicy_RestartCondition.ON_FAILURE,
            ),
        delay: durationFromMs(one(random, 0, 200, 1_000)),
        maxAttempts: isJob ? 0n : one(random, 0n, 0n, 2n),
      },
      resources: {
        reservations: {
          nanoCpus: one(random, 0n, cpu / 2n, cpu),
          memoryBytes: one(random, 0n, 64n * megabyte),
        },
      },
    },
    ...(isJob ? {} : { update: updateConfig(random), rollback: updateConfig(random) }),
    // By name, not by dice: every second service publishes a port, and so has addresses on ingress.
    ...(/[13579]$/.test(name) ? { endpoint: { ports: [{ targetPort: 80 }] } } : {}),
  });
}

export interface Acknowledged {
  (kind: 'service', object: Service): void;
  (kind: 'node', object: Node): void;
}

export class ServiceLoad {
  private stopped = false;
  private acting: Promise<void> = Promise.resolve();
  private made = 0;
  operations = 0;

  constructor(
    private readonly client: ControlClient,
    private readonly acknowledged: Acknowledged,
    private readonly mostServices: number,
    /** Nodes that may be drained. */
    private readonly nodeIds: readonly string[],
  ) {}

  stop(): void {
    this.stopped = true;
  }

  async work(pauseMs: number): Promise<void> {
    while (!this.stopped) {
      this.acting = this.act();
      await this.acting;
      await this.client.pause(pauseMs);
    }
  }

  /** What was begun before it was stopped has its answer. */
  rests(): Promise<void> {
    return this.acting;
  }

  private async act(): Promise<void> {
    const { client } = this;
    const { random } = client;
    this.operations++;
    const listed = await client.call(ControlService.listServices, { filters: undefined });
    if (listed.how !== 'done') return;
    const services = listed.answer.services;
    const chosen = services.length === 0 ? undefined : one(random, ...services);
    const dice = random.int(12);
    if (chosen === undefined || (dice < 3 && services.length < this.mostServices)) {
      await this.create();
      return;
    }
    if (dice < 4) {
      await client.call(ControlService.removeService, { serviceId: chosen.id });
      return;
    }
    if (dice < 6) {
      await this.availability(
        one(
          random,
          NodeSpec_Availability.ACTIVE,
          NodeSpec_Availability.ACTIVE,
          NodeSpec_Availability.PAUSE,
          NodeSpec_Availability.DRAIN,
        ),
        one(random, ...this.nodeIds),
      );
      return;
    }
    await this.change(chosen);
  }

  private async create(): Promise<void> {
    const { client } = this;
    const spec = randomSpec(client.random, `service-${++this.made}`);
    const outcome = await client.call(ControlService.createService, { spec } as never);
    const made =
      outcome.how === 'done' ? (outcome.answer as { service?: Service }).service : undefined;
    if (made !== undefined) this.acknowledged('service', made);
  }

  private async change(service: Service): Promise<void> {
    const { random } = this.client;
    const { spec } = service;
    if (spec?.task === undefined) return;
    const fresh = randomSpec(random, spec.annotations?.name ?? '');
    let next: ServiceSpec = spec;
    const dice = random.int(7);
    if (dice === 6 && spec.update !== undefined) {
      await this.update(service, badDeploy(random, spec));
      // They look on for a while.
      await this.client.pause(8_000);
      return;
    }
    if (spec.mode?.$case === 'replicated' && dice < 2)
      next = { ...spec, mode: { $case: 'replicated', value: { replicas: BigInt(random.int(5)) } } };
    else if (dice < 5 || spec.update === undefined)
      next = {
        ...spec,
        task: {
          ...spec.task,
          ...(spec.update === undefined
            ? { forceUpdate: spec.task.forceUpdate + 1n }
            : { runtime: { $case: 'container', value: containerOf(random) } }),
        },
        ...(spec.update === undefined ? {} : { update: fresh.update ?? spec.update }),
      };
    await this.update(service, next, dice === 5 && service.previousSpec !== undefined);
  }

  async update(service: Service, spec: ServiceSpec, back = false): Promise<void> {
    const outcome = await this.client.call(ControlService.updateService, {
      serviceId: service.id,
      serviceVersion: service.meta?.version,
      spec,
      rollback: back ? 1 : 0,
    } as never);
    const made =
      outcome.how === 'done' ? (outcome.answer as { service?: Service }).service : undefined;
    if (made !== undefined) this.acknowledged('service', made);
  }

  async availability(availability: NodeSpec_Availability, nodeId: string): Promise<boolean> {
    const found = await this.client.call(ControlService.getNode, { nodeId });
    const node = found.how === 'done' ? found.answer.node : undefined;
    if (node?.spec === undefined) return false;
    const outcome = await this.client.call(ControlService.updateNode, {
      nodeId,
      nodeVersion: node.meta?.version,
      spec: { ...node.spec, availability },
    });
    if (outcome.how !== 'done' || outcome.answer.node === undefined) return false;
    this.acknowledged('node', outcome.answer.node);
    return true;
  }
}

/** What cannot work, one task after the other, by users who told the cluster to mind. */
function badDeploy(random: Random, spec: ServiceSpec): ServiceSpec {
  const runtime = spec.task?.runtime;
  const value = runtime?.$case === 'container' ? runtime.value : {};
  const image = one(random, 'crash:1', 'missing:1');
  return ServiceSpec.fromPartial({
    ...spec,
    task: { ...spec.task, runtime: { $case: 'container', value: { ...value, image } } },
    update: {
      ...updateConfig(random),
      parallelism: 1n,
      delay: durationFromMs(0),
      monitor: durationFromMs(2_000),
      maxFailureRatio: 0,
      failureAction: one(
        random,
        UpdateConfig_FailureAction.PAUSE,
        UpdateConfig_FailureAction.ROLLBACK,
      ),
    },
  } as never);
}

const containerOf = (random: Random) => {
  const { task } = randomSpec(random, 'x');
  const image = one(random, ...goodImages, ...badImages);
  const runtime = task?.runtime;
  const value = runtime?.$case === 'container' ? runtime.value : undefined;
  return { ...(value as NonNullable<typeof value>), image };
};
