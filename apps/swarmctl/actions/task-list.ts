import { isGlobal } from '@swarmkit/sdk/model/task';
import {
  ListNodesRequest,
  ListServicesRequest,
  ListTasksRequest,
} from '@swarmkit/sdk/wire/gen/swarmkit/control';
import type { Node, Service, Task } from '@swarmkit/sdk/wire/gen/swarmkit/objects';
import { TaskState } from '@swarmkit/sdk/wire/gen/swarmkit/types';
import { byNewest, findService, hostnameOf } from '../find.js';
import { jsonOf } from '../output/json.js';
import { sentence, taskState } from '../output/names.js';
import { attachedContainer, imageOf, nameOf } from '../output/service-text.js';
import { table } from '../output/table.js';
import { ago } from '../output/time.js';
import type { Session } from '../session.js';

export async function listTasks(
  session: Session,
  words: readonly string[],
  { all, quiet }: { readonly all?: boolean; readonly quiet?: boolean },
): Promise<void> {
  const { control } = session;
  const services = await Promise.all(words.map((word) => findService(control, word)));
  const { tasks } = await control.listTasks(
    ListTasksRequest.fromPartial({ filters: { serviceIds: services.map(({ id }) => id) } }),
  );
  const shown = all ? tasks : tasks.filter(isCurrent);
  if (session.json) session.sayJson(shown.map((one) => jsonOf('task', one)));
  else if (quiet) for (const { id } of shown) session.say(id);
  else session.say(await taskTable(session, shown, true));
}

/** What should run or still does; the rest is history. */
const isCurrent = (task: Task): boolean =>
  task.desiredState <= TaskState.RUNNING || (task.status?.state ?? 0) <= TaskState.RUNNING;

/** By service and slot, the newest task of each slot first. */
export async function taskTable(
  session: Session,
  tasks: readonly Task[],
  all: boolean,
): Promise<string> {
  const [{ nodes }, { services }] = await Promise.all([
    session.control.listNodes(ListNodesRequest.create()),
    session.control.listServices(ListServicesRequest.create()),
  ]);
  const names = new Names(nodes, services);
  const rows = (all ? tasks : tasks.filter(isCurrent)).map((task) => ({
    task,
    service: names.service(task),
  }));
  rows.sort(
    (a, b) =>
      compare(a.service, b.service) ||
      Number(a.task.slot - b.task.slot) ||
      compare(a.task.nodeId, b.task.nodeId) * Number(a.task.slot === 0n) ||
      byNewest(a.task, b.task),
  );
  const now = session.io.now();
  return table(
    ['ID', 'NAME', 'IMAGE', 'NODE', 'DESIRED', 'STATE', 'ERROR'],
    rows.map(({ task, service }) => [
      task.id,
      `${service}.${names.place(task)}`,
      imageOf(task.spec),
      names.host(task),
      sentence(taskState(task.desiredState)),
      `${sentence(taskState(task.status?.state))} ${ago(task.status?.timestamp, now)}`,
      task.status?.err ?? '',
    ]),
  );
}

/** What tasks refer to by id, as people call it. */
class Names {
  private readonly services: ReadonlyMap<string, Service>;
  private readonly hosts: ReadonlyMap<string, string>;

  constructor(nodes: readonly Node[], services: readonly Service[]) {
    this.services = new Map(services.map((one) => [one.id, one]));
    this.hosts = new Map(nodes.map((node) => [node.id, hostnameOf(node) || node.id]));
  }

  /** Of a container that was started by hand its id, as short as Docker shows it. */
  service(task: Task): string {
    const container = attachedContainer(task);
    if (container !== '') return container;
    const service = this.services.get(task.serviceId);
    return service === undefined
      ? (task.serviceAnnotations?.name ?? task.serviceId)
      : nameOf(service);
  }

  host(task: Task): string {
    return this.hosts.get(task.nodeId) ?? task.nodeId;
  }

  /** The slot, or of global services the node. */
  place(task: Task): string {
    const service = this.services.get(task.serviceId);
    const isByNode = service === undefined ? task.slot === 0n : isGlobal(service);
    return isByNode ? this.host(task) : String(task.slot);
  }
}

const compare = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);
