/** `swarmctl explain`: on one screen, why a service or task is where it is, and who is to act next. */
import { isSwarmError } from '@swarmkit/sdk/plugin/errors';
import {
  isTerminal,
  isWantedActive,
  observedState,
  slotKey,
  slotOf,
} from '@swarmkit/sdk/model/task';
import {
  ListConfigsRequest,
  ListNodesRequest,
  ListSecretsRequest,
  ListServicesRequest,
  ListTasksRequest,
} from '@swarmkit/sdk/wire/gen/swarmkit/control';
import type { Node, Service, Task } from '@swarmkit/sdk/wire/gen/swarmkit/objects';
import {
  TaskState,
  UpdateStatus_UpdateState as Update,
} from '@swarmkit/sdk/wire/gen/swarmkit/types';
import { byNewest, findService, findTask, hostnameOf } from '../find.js';
import { type Field, fields } from '../output/fields.js';
import { sentence, taskState, updateState } from '../output/names.js';
import { attachedContainer, nameOf } from '../output/service-text.js';
import { table } from '../output/table.js';
import { convergence } from '../progress/convergence.js';
import { verdicts } from '../progress/verdicts.js';
import { whoActs } from '../progress/who-acts.js';
import type { Session } from '../session.js';
import { why } from './why.js';

export async function explain(session: Session, word: string): Promise<void> {
  const service = await serviceOrNone(session, word);
  const task = service === undefined ? await taskOrNothing(session, word) : undefined;
  const facts = await Facts.of(session);
  const waiting = service === undefined ? (task as Task) : facts.waitingOf(service);
  const contributed = await contributedVerdicts(session, waiting);
  session.say(
    service === undefined
      ? facts.ofTask(task as Task, contributed)
      : facts.ofService(service, contributed),
  );
}

type Contributed = ReadonlyMap<string, readonly string[]>;

/** Of a task without a place, by node id. A leader of Docker's has no such filters. */
async function contributedVerdicts(
  { control }: Session,
  task: Task | undefined,
): Promise<Contributed> {
  if (task === undefined || observedState(task) !== TaskState.PENDING) return new Map();
  try {
    const { verdicts } = await control.explainPlacement({ taskId: task.id });
    return new Map(verdicts.map(({ nodeId, against }) => [nodeId, against]));
  } catch (error) {
    // Not found: it was placed or removed since.
    if (isSwarmError(error) && ['unimplemented', 'not-found'].includes(error.kind))
      return new Map();
    throw error;
  }
}

async function serviceOrNone({ control }: Session, word: string): Promise<Service | undefined> {
  try {
    return await findService(control, word);
  } catch (error) {
    if (isSwarmError(error) && error.kind === 'not-found') return undefined;
    throw error;
  }
}

const taskOrNothing = ({ control }: Session, word: string): Promise<Task> =>
  findTask(control, word);

/** More tasks than this say nothing that the first ones do not. */
const shownTasks = 8;

/** One look at the cluster. */
class Facts {
  private constructor(
    private readonly services: readonly Service[],
    private readonly tasks: readonly Task[],
    private readonly nodes: readonly Node[],
    /** Ids of secrets and configs. */
    private readonly data: ReadonlySet<string>,
    private readonly now: number,
  ) {}

  static async of({ control, io }: Session): Promise<Facts> {
    const [{ services }, { tasks }, { nodes }, { secrets }, { configs }] = await Promise.all([
      control.listServices(ListServicesRequest.create()),
      control.listTasks(ListTasksRequest.create()),
      control.listNodes(ListNodesRequest.create()),
      control.listSecrets(ListSecretsRequest.create()),
      control.listConfigs(ListConfigsRequest.create()),
    ]);
    const ids = [...secrets, ...configs].map(({ id }) => id);
    return new Facts(services, tasks, nodes, new Set(ids), io.now());
  }

  /** The newest tasks of slots that do not run. */
  private openOf(service: Service): readonly Task[] {
    const own = this.tasks.filter((task) => task.serviceId === service.id);
    return newestOfEachSlot(service, own).filter(
      (task) => observedState(task) !== TaskState.RUNNING && isOpen(task),
    );
  }

  /** One that has no place speaks for all. */
  waitingOf(service: Service): Task | undefined {
    return this.openOf(service).find((task) => observedState(task) === TaskState.PENDING);
  }

  ofService(service: Service, contributed: Contributed): string {
    const own = this.tasks.filter((task) => task.serviceId === service.id);
    const { wanted, running, leaving } = convergence({ service, tasks: own, nodes: this.nodes });
    const open = this.openOf(service);
    const waiting = this.waitingOf(service);
    return [
      fields([
        ['Service', nameOf(service)],
        ['State', `${running} of ${wanted} ${leaving > 0 ? `(${leaving} to stop)` : ''}`],
        ['Update', updateText(service)],
        ['Missing', this.missing(service.spec?.task)],
      ]),
      open.length === 0
        ? ''
        : table(
            ['TASK', 'STATE', 'WHY', 'NEXT'],
            open
              .slice(0, shownTasks)
              .map((task) => [
                this.nameOf(task),
                sentence(taskState(observedState(task))),
                why(this.inPlace(task)),
                whoActs(this.inPlace(task), this.now),
              ]),
          ),
      open.length > shownTasks ? `and ${open.length - shownTasks} more` : '',
      waiting === undefined ? '' : this.verdictTable(waiting, contributed),
    ]
      .filter((part) => part !== '')
      .join('\n\n');
  }

  ofTask(task: Task, contributed: Contributed): string {
    const rows: readonly Field[] = [
      ['Task', `${this.nameOf(task)} (${task.id})`],
      [
        'State',
        `${sentence(taskState(observedState(task)))}, wanted ${sentence(taskState(task.desiredState))}`,
      ],
      ['Why', why(this.inPlace(task))],
      ['Next', whoActs(this.inPlace(task), this.now)],
      ['Missing', this.missing(task.spec)],
    ];
    const isPending = observedState(task) === TaskState.PENDING;
    return [fields(rows), isPending ? this.verdictTable(task, contributed) : '']
      .filter((part) => part !== '')
      .join('\n\n');
  }

  private verdictTable(task: Task, contributed: Contributed): string {
    // A task that is bound to a node has no choice.
    const nodes = this.nodes.filter(({ id }) => task.nodeId === '' || task.nodeId === id);
    const rows = verdicts(task, nodes, this.tasks, contributed).map(({ node, against }) => [
      hostnameOf(node) || node.id,
      against.length === 0 ? 'fits' : against.join('; '),
    ]);
    return rows.length === 0 ? 'There is no node.' : table(['NODE', 'VERDICT'], rows);
  }

  private inPlace(task: Task) {
    const service = this.services.find(({ id }) => id === task.serviceId);
    const node = this.nodes.find(({ id }) => id === task.nodeId);
    const newest =
      service &&
      this.tasks
        .filter((other) => slotKey(slotOf(service, other)) === slotKey(slotOf(service, task)))
        .sort(byNewest)[0];
    const successor = newest?.id === task.id ? undefined : newest;
    return { task, service, node, successor };
  }

  private nameOf(task: Task): string {
    const node = this.nodes.find(({ id }) => id === task.nodeId);
    const place = task.slot === 0n && node !== undefined ? hostnameOf(node) || node.id : task.slot;
    return `${attachedContainer(task) || (task.serviceAnnotations?.name ?? '')}.${place}`;
  }

  /** Secrets and configs that it refers to and that are not there: its node waits for them. */
  private missing(spec: Task['spec']): string {
    if (spec?.runtime?.$case !== 'container') return '';
    const { secrets, configs } = spec.runtime.value;
    return [
      ...secrets.map((one) => [one.secretId, `secret ${one.secretName}`] as const),
      ...configs.map((one) => [one.configId, `config ${one.configName}`] as const),
    ]
      .filter(([id]) => !this.data.has(id))
      .map(([, name]) => name)
      .join(', ');
  }
}

const newestOfEachSlot = (service: Service, tasks: readonly Task[]): readonly Task[] => {
  const newest = new Map<string, Task>();
  for (const task of [...tasks].sort(byNewest)) {
    const key = slotKey(slotOf(service, task));
    if (!newest.has(key)) newest.set(key, task);
  }
  return [...newest.values()];
};

/** Wanted, or ended without anybody in its place; what completed or was told to stop is no question. */
const isOpen = (task: Task): boolean =>
  isTerminal(task)
    ? observedState(task) !== TaskState.COMPLETE && observedState(task) !== TaskState.SHUTDOWN
    : isWantedActive(task);

function updateText({ updateStatus }: Service): string {
  if (updateStatus === undefined) return '';
  const { state, message } = updateStatus;
  const text = `${sentence(updateState(state))}: ${message}`;
  if (state === Update.PAUSED) return `${text}; you: update it again, or swarmctl service rollback`;
  if (state === Update.ROLLBACK_PAUSED) return `${text}; you: update it again`;
  return text;
}
