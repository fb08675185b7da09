import { isSwarmError } from '@swarmkit/sdk/plugin/errors';
import { isGlobal, taskName } from '@swarmkit/sdk/model/task';
import { GetNodeRequest, GetServiceRequest } from '@swarmkit/sdk/wire/gen/swarmkit/control';
import type { Node, Service, Task } from '@swarmkit/sdk/wire/gen/swarmkit/objects';
import { TaskState } from '@swarmkit/sdk/wire/gen/swarmkit/types';
import { findTask } from '../find.js';
import { fields } from '../output/fields.js';
import { jsonOf } from '../output/json.js';
import { sentence, taskState } from '../output/names.js';
import { imageOf } from '../output/service-text.js';
import { ago } from '../output/time.js';
import type { Session } from '../session.js';
import { why } from './why.js';

export async function inspectTask(session: Session, word: string): Promise<void> {
  const { control } = session;
  const task = await findTask(control, word);
  if (session.json) {
    session.sayJson(jsonOf('task', task));
    return;
  }
  const [service, node] = await Promise.all([
    task.serviceId === ''
      ? undefined
      : orGone(control.getService(GetServiceRequest.create({ serviceId: task.serviceId }))),
    task.nodeId === ''
      ? undefined
      : orGone(control.getNode(GetNodeRequest.create({ nodeId: task.nodeId }))),
  ]);
  session.say(describe(task, service?.service, node?.node, session.io.now()));
}

/** Tasks outlive their service and their node for a while. */
async function orGone<T>(answer: Promise<T>): Promise<T | undefined> {
  try {
    return await answer;
  } catch (error) {
    if (isSwarmError(error) && error.kind === 'not-found') return undefined;
    throw error;
  }
}

function describe(
  task: Task,
  service: Service | undefined,
  node: Node | undefined,
  now: number,
): string {
  const { status } = task;
  const state = status?.state ?? TaskState.NEW;
  const container =
    status?.runtimeStatus?.$case === 'container' ? status.runtimeStatus.value : undefined;
  const attached =
    task.spec?.runtime?.$case === 'attachment' ? task.spec.runtime.value.containerId : '';
  const hasSlot = service === undefined ? task.slot !== 0n : !isGlobal(service);
  return fields([
    ['ID', task.id],
    ['Name', taskName(task)],
    [
      'Service',
      service?.spec?.annotations?.name ?? task.serviceAnnotations?.name ?? task.serviceId,
    ],
    ['Slot', hasSlot ? String(task.slot) : ''],
    ['Image', imageOf(task.spec)],
    ['Node', node?.description?.hostname || task.nodeId],
    ['Desired', sentence(taskState(task.desiredState))],
    ['State', `${sentence(taskState(state))}${status?.message ? ` (${status.message})` : ''}`],
    ['Since', ago(status?.timestamp, now)],
    ['Error', status?.err ?? ''],
    ['Why', why({ task, service, node })],
    ['Container', container?.containerId || attached],
    ['Addresses', attached === '' ? '' : addressesOf(task)],
    ['Pid', container && container.pid > 0 ? String(container.pid) : ''],
    ['Exit code', container && state > TaskState.RUNNING ? String(container.exitCode) : ''],
  ]);
}

/** `10.0.1.5/24 on front`. */
const addressesOf = ({ networks }: Task): string =>
  networks
    .map(
      ({ network, addresses }) =>
        `${addresses.join(', ')} on ${network?.spec?.annotations?.name ?? network?.id ?? ''}`,
    )
    .join('; ');
