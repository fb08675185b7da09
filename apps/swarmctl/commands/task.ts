import { taskName } from '@swarmkit/sdk/model/task';
import { durationToMs } from '@swarmkit/sdk/model/time';
import {
  GetNodeRequest,
  GetServiceRequest,
  ListNodesRequest,
  ListServicesRequest,
  ListTasksRequest,
} from '@swarmkit/sdk/wire/gen/swarmkit/control';
import type { Service, Task } from '@swarmkit/sdk/wire/gen/swarmkit/objects';
import { TaskState } from '@swarmkit/sdk/wire/gen/swarmkit/types';
import { Command } from 'commander';
import { findService, findTask } from '../find.js';
import { fields } from '../output/fields.js';
import { jsonOf, print } from '../output/json.js';
import { sentence, taskState } from '../output/names.js';
import { table } from '../output/table.js';
import { ago } from '../output/time.js';
import type { Session } from '../session.js';

export function taskCommand(open: () => Session): Command {
  const task = new Command('task').description('Look at tasks');

  task
    .command('ls [service]')
    .alias('list')
    .description('List tasks, of one service or of all')
    .option('-a, --all', 'also tasks that have ended')
    .option('-q, --quiet', 'ids only')
    .action(
      async (
        word: string | undefined,
        { all, quiet }: { readonly all?: boolean; readonly quiet?: boolean },
      ) => {
        const session = open();
        const serviceIds = word === undefined ? [] : [(await findService(session, word)).id];
        const { tasks } = await session.control.listTasks(
          ListTasksRequest.fromPartial({ filters: { serviceIds } }),
        );
        const shown = all ? tasks : tasks.filter(isLive);
        if (session.format === 'json') print(shown.map((one) => jsonOf('task', one)));
        else if (quiet) for (const { id } of shown) console.log(id);
        else console.log(await taskTable(session, tasks, all === true));
      },
    );

  task
    .command('inspect <task>')
    .description('Show a task and, when it does not run, why')
    .action(async (word: string) => {
      const session = open();
      const found = await findTask(session, word);
      if (session.format === 'json') print(jsonOf('task', found));
      else console.log(fields(await describe(session, found)));
    });
  return task;
}

const isLive = (task: Task): boolean =>
  task.desiredState <= TaskState.RUNNING || (task.status?.state ?? 0) <= TaskState.RUNNING;

export async function taskTable(
  session: Session,
  tasks: readonly Task[],
  all: boolean,
): Promise<string> {
  const { nodes } = await session.control.listNodes(ListNodesRequest.create());
  const { services } = await session.control.listServices(ListServicesRequest.create());
  const names = new Map(services.map((one) => [one.id, one.spec?.annotations?.name ?? one.id]));
  const hosts = new Map(nodes.map((node) => [node.id, node.description?.hostname || node.id]));
  const shown = (all ? [...tasks] : tasks.filter(isLive)).sort(
    (a, b) =>
      compare(names.get(a.serviceId) ?? '', names.get(b.serviceId) ?? '') ||
      Number(a.slot - b.slot) ||
      Number((b.meta?.version?.index ?? 0n) - (a.meta?.version?.index ?? 0n)),
  );
  const now = Date.now();
  return table(
    ['ID', 'NAME', 'IMAGE', 'NODE', 'DESIRED', 'STATE', 'ERROR'],
    shown.map((task) => [
      task.id,
      `${names.get(task.serviceId) ?? task.serviceAnnotations?.name ?? ''}.${task.slot === 0n ? (hosts.get(task.nodeId) ?? '') : task.slot}`,
      imageOf(task),
      hosts.get(task.nodeId) ?? task.nodeId,
      sentence(taskState(task.desiredState)),
      `${sentence(taskState(task.status?.state))} ${ago(task.status?.timestamp, now)} ago`,
      task.status?.err ?? '',
    ]),
  );
}

const compare = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

const imageOf = (task: Task): string =>
  task.spec?.runtime?.$case === 'container' ? task.spec.runtime.value.image : '';

async function describe(
  session: Session,
  task: Task,
): Promise<readonly (readonly [string, string])[]> {
  const { service } =
    task.serviceId === ''
      ? { service: undefined }
      : await session.control
          .getService(GetServiceRequest.create({ serviceId: task.serviceId }))
          .catch(() => ({ service: undefined }));
  const { node } =
    task.nodeId === ''
      ? { node: undefined }
      : await session.control
          .getNode(GetNodeRequest.create({ nodeId: task.nodeId }))
          .catch(() => ({ node: undefined }));
  const { status } = task;
  const container =
    status?.runtimeStatus?.$case === 'container' ? status.runtimeStatus.value : undefined;
  return [
    ['ID', task.id],
    ['Name', taskName(task)],
    [
      'Service',
      service?.spec?.annotations?.name ?? task.serviceAnnotations?.name ?? task.serviceId,
    ],
    ['Slot', task.slot === 0n ? '' : String(task.slot)],
    ['Image', imageOf(task)],
    ['Node', node?.description?.hostname ?? task.nodeId],
    ['Desired', sentence(taskState(task.desiredState))],
    ['State', `${sentence(taskState(status?.state))} (${status?.message ?? ''})`],
    ['Since', `${ago(status?.timestamp, Date.now())} ago`],
    ['Error', status?.err ?? ''],
    ['Why', why(task, service)],
    ['Container', container?.containerId ?? ''],
    ['Pid', container && container.pid > 0 ? String(container.pid) : ''],
    [
      'Exit code',
      container && (status?.state ?? 0) > TaskState.RUNNING ? String(container.exitCode) : '',
    ],
  ];
}

/** In one sentence, why a task is not running. */
export function why(task: Task, service: Service | undefined): string {
  const state = task.status?.state ?? TaskState.NEW;
  const err = task.status?.err ?? '';
  if (state === TaskState.RUNNING) return '';
  if (state > TaskState.RUNNING)
    return task.desiredState > TaskState.RUNNING && err === ''
      ? 'it was told to stop'
      : err === ''
        ? ''
        : `it ended: ${err}`;
  if (state === TaskState.NEW) return err || 'it waits for its networks and ports to be allocated';
  if (state === TaskState.PENDING)
    return err === '' ? 'it waits to be given a node' : `no node can take it: ${err}`;
  if (state === TaskState.READY && task.desiredState === TaskState.READY) {
    const delay = durationToMs(service?.spec?.task?.restart?.delay) ?? 5_000;
    return `it is ready and waits to be started: a restart delay of ${delay / 1000} s, or the task it replaces has not stopped yet`;
  }
  return err === ''
    ? `its node works on it (${task.status?.message ?? ''})`
    : `its node tries again: ${err}`;
}
