/**
 * After the faults the users set right what only people can: services that cannot run as they are get
 * an image that works, room, and an update policy that goes on; nodes are active again, but for one
 * that stays drained. What users still had under way comes before all that.
 */
import { durationFromMs } from '@swarmkit/sdk/model/time';
import { ControlService } from '@swarmkit/sdk/wire/gen/swarmkit/control';
import type { Service } from '@swarmkit/sdk/wire/gen/swarmkit/objects';
import { NodeSpec_Availability, ServiceSpec } from '@swarmkit/sdk/wire/gen/swarmkit/specs';
import {
  RestartPolicy_RestartCondition,
  UpdateConfig_FailureAction,
} from '@swarmkit/sdk/wire/gen/swarmkit/types';
import type { World } from '../world/world.js';
import type { ControlClient } from './control-client.js';
import { goodImages, type ServiceLoad } from './service-load.js';

export async function healServices(
  world: World,
  client: ControlClient,
  load: ServiceLoad,
): Promise<void> {
  await load.rests();
  const workers = world.machines.filter(({ options }) => options.runsTasks);
  const drained = workers.length > 1 ? client.random.int(workers.length) : -1;
  for (const [i, { options }] of workers.entries()) {
    const wanted = i === drained ? NodeSpec_Availability.DRAIN : NodeSpec_Availability.ACTIVE;
    while (!(await set(world, client, wanted, options.nodeId))) await client.pause(500);
  }
  for (;;) {
    const listed = await client.call(ControlService.listServices, { filters: undefined });
    if (listed.how !== 'done') continue;
    const sick = listed.answer.services.filter((service) => needsHelp(service));
    if (sick.length === 0) return;
    for (const service of sick) await load.update(service, cured(service));
    await client.pause(500);
  }
}

async function set(
  world: World,
  client: ControlClient,
  availability: NodeSpec_Availability,
  nodeId: string,
): Promise<boolean> {
  const found = await client.call(ControlService.getNode, { nodeId });
  const node = found.how === 'done' ? found.answer.node : undefined;
  if (node?.spec === undefined) return false;
  if (node.spec.availability === availability) return true;
  const outcome = await client.call(ControlService.updateNode, {
    nodeId,
    nodeVersion: node.meta?.version,
    spec: { ...node.spec, availability },
  });
  if (outcome.how === 'done' && outcome.answer.node !== undefined)
    world.acknowledge('node', outcome.answer.node);
  return outcome.how === 'done';
}

const CURED = 'cured';

const needsHelp = ({ spec }: Service): boolean =>
  spec?.annotations?.labels[CURED] === undefined &&
  spec?.mode?.$case !== 'replicatedJob' &&
  spec?.mode?.$case !== 'globalJob';

/** What it was, able to run. */
function cured({ spec, updateStatus }: Service): ServiceSpec {
  const labels = { ...spec?.annotations?.labels, [CURED]: 'yes' };
  const annotations = { name: '', indices: [], ...spec?.annotations, labels };
  const runtime = spec?.task?.runtime;
  const image = runtime?.$case === 'container' ? runtime.value.image : '';
  const restart = spec?.task?.restart;
  const isWell =
    updateStatus === undefined &&
    goodImages.includes(image) &&
    restart?.condition === RestartPolicy_RestartCondition.ANY &&
    restart.maxAttempts === 0n;
  const base = ServiceSpec.fromPartial({ ...spec, annotations } as never);
  // Only its label changes: nothing may move because of that.
  if (isWell && roomFor(spec)) return base;
  return ServiceSpec.fromPartial({
    ...base,
    task: {
      ...base.task,
      runtime: { $case: 'container', value: { ...(runtime?.value as object), image: 'good:9' } },
      restart: { condition: RestartPolicy_RestartCondition.ANY, delay: durationFromMs(200) },
      resources: {},
    },
    update: {
      parallelism: 0n,
      failureAction: UpdateConfig_FailureAction.CONTINUE,
      monitor: durationFromMs(500),
    },
  } as never);
}

const roomFor = (spec: ServiceSpec | undefined): boolean =>
  (spec?.task?.resources?.reservations?.nanoCpus ?? 0n) === 0n &&
  (spec?.task?.resources?.reservations?.memoryBytes ?? 0n) === 0n;
