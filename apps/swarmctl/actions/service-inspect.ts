import {
  GetServiceRequest,
  ListNetworksRequest,
  ListServiceStatusesRequest,
  ListTasksRequest,
} from '@swarmkit/sdk/wire/gen/swarmkit/control';
import type { Network } from '@swarmkit/sdk/wire/gen/swarmkit/objects';
import type { ContainerSpec, ServiceSpec, TaskSpec } from '@swarmkit/sdk/wire/gen/swarmkit/specs';
import type {
  Mount,
  RestartPolicy,
  UpdateConfig,
  UpdateStatus,
} from '@swarmkit/sdk/wire/gen/swarmkit/types';
import { findService } from '../find.js';
import { type Field, fields, labelText } from '../output/fields.js';
import { jsonOf } from '../output/json.js';
import {
  failureAction,
  mountType,
  resolutionMode,
  restartCondition,
  sentence,
  updateOrder,
  updateState,
  word as wordOf,
} from '../output/names.js';
import { imageOf, nameOf, portsOf, replicasOf } from '../output/service-text.js';
import { resourcesText } from '../output/size.js';
import { span } from '../output/time.js';
import type { Session } from '../session.js';
import { modeName } from '../spec/service-mode.js';
import { taskTable } from './task-list.js';

export async function inspectService(
  session: Session,
  word: string,
  { all }: { readonly all?: boolean },
): Promise<void> {
  const { control } = session;
  const found = await findService(control, word);
  if (session.json) {
    const { service: whole } = await control.getService(
      GetServiceRequest.create({ serviceId: found.id, insertDefaults: true }),
    );
    session.sayJson(jsonOf('service', whole ?? found));
    return;
  }
  const [{ tasks }, { statuses }, { networks }] = await Promise.all([
    control.listTasks(ListTasksRequest.fromPartial({ filters: { serviceIds: [found.id] } })),
    control.listServiceStatuses(ListServiceStatusesRequest.create({ services: [found.id] })),
    found.spec?.task?.networks.length
      ? control.listNetworks(ListNetworksRequest.create())
      : { networks: [] },
  ]);
  const { spec, updateStatus } = found;
  session.say(
    fields([
      ['ID', found.id],
      ['Name', nameOf(found)],
      ['Mode', modeName(spec?.mode)],
      ['Replicas', replicasOf(found, statuses[0])],
      ['Labels', labelText(spec?.annotations?.labels)],
      ...taskFields(spec?.task, networks),
      ['Ports', portsOf(found)],
      ['Endpoint', spec?.endpoint ? wordOf(resolutionMode(spec.endpoint.mode)) : ''],
      ...configFields(spec),
      ['Update', updateStatusText(updateStatus)],
    ]),
  );
  session.say('');
  session.say(await taskTable(session, tasks, all === true));
}

function taskFields(task: TaskSpec | undefined, networks: readonly Network[]): readonly Field[] {
  const container = task?.runtime?.$case === 'container' ? task.runtime.value : undefined;
  const names = new Map(networks.map(({ id, spec }) => [id, spec?.annotations?.name ?? id]));
  return [
    ['Image', imageOf(task)],
    ...(container === undefined ? [] : containerFields(container)),
    ['Networks', task?.networks.map(({ target }) => names.get(target) ?? target).join(', ') ?? ''],
    ['Constraints', task?.placement?.constraints.join(', ') ?? ''],
    ['Reservations', resourcesText(task?.resources?.reservations)],
    ['Limits', resourcesText(task?.resources?.limits)],
    ['Restart', restartText(task?.restart)],
  ];
}

const containerFields = (container: ContainerSpec): readonly Field[] => [
  ['Command', commandText(container.command)],
  ['Arguments', commandText(container.args)],
  ['Environment', container.env.join(', ')],
  ['Folder', container.dir],
  ['User', container.user],
  ['Mounts', container.mounts.map(mountText).join(', ')],
];

const configFields = (spec: ServiceSpec | undefined): readonly Field[] => [
  ['Update by', updateText(spec?.update)],
  ['Rollback by', updateText(spec?.rollback)],
];

/** As a shell would take them. */
const commandText = (words: readonly string[]): string =>
  words.map((one) => (/^[\w./:=@%+,-]+$/.test(one) ? one : JSON.stringify(one))).join(' ');

const mountText = ({ type, source, target, readonly }: Mount): string =>
  `${wordOf(mountType(type))} ${source === '' ? '' : `${source} on `}${target}${readonly ? ' (read-only)' : ''}`;

/** The manager's text, which most often names the state by itself. */
function updateStatusText(status: UpdateStatus | undefined): string {
  if (status === undefined) return '';
  const state = sentence(updateState(status.state));
  return status.message.startsWith(state.toLowerCase())
    ? status.message
    : `${state} (${status.message})`;
}

function restartText(policy: RestartPolicy | undefined): string {
  if (policy === undefined) return '';
  return [
    wordOf(restartCondition(policy.condition)),
    policy.delay ? `after ${span(policy.delay)}` : '',
    policy.maxAttempts > 0n ? `at most ${policy.maxAttempts} times` : '',
    policy.window && span(policy.window) !== '0s' ? `in ${span(policy.window)}` : '',
  ]
    .filter((text) => text !== '')
    .join(' ');
}

function updateText(config: UpdateConfig | undefined): string {
  if (config === undefined) return '';
  return [
    config.parallelism === 0n ? 'all at once' : `${config.parallelism} at once`,
    wordOf(updateOrder(config.order)),
    config.delay && span(config.delay) !== '0s' ? `every ${span(config.delay)}` : '',
    `${wordOf(failureAction(config.failureAction))} on failure`,
  ]
    .filter((text) => text !== '')
    .join(', ');
}
