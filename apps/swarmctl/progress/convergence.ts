import { meetsConstraints, parseConstraintsOrNone } from '@swarmkit/sdk/model/constraint';
import { type DirtyCheck, dirtyCheck } from '@swarmkit/sdk/model/dirty-task';
import { isGlobal, isJob, observedState } from '@swarmkit/sdk/model/task';
import type { Node, Service, Task } from '@swarmkit/sdk/wire/gen/swarmkit/objects';
import { NodeSpec_Availability } from '@swarmkit/sdk/wire/gen/swarmkit/specs';
import {
  NodeStatus_State,
  TaskState,
  UpdateStatus_UpdateState as Update,
} from '@swarmkit/sdk/wire/gen/swarmkit/types';
import { sentence, taskState } from '../output/names.js';
import { oneLine } from '../output/table.js';

/**
 * How far a service is from what its spec asks for, as a function of what the cluster shows. It looks at
 * the present alone, so that no event can be missed: what was true a moment ago counts for nothing.
 */

export interface Cluster {
  readonly service: Service;
  /** Of this service. */
  readonly tasks: readonly Task[];
  readonly nodes: readonly Node[];
}

export interface Convergence {
  /** How many tasks should run, or of a job, complete. */
  readonly wanted: number;
  /** How many do. */
  readonly running: number;
  /** Tasks of an older spec, or too many, that still run. */
  readonly leaving: number;
  /** Slots that nobody works on: their task has ended and none was made in its place. */
  readonly abandoned: number;
  readonly isDone: boolean;
  /** Why something does not come up, as the newest task of an unfilled slot says; empty when unknown. */
  readonly reason: string;
}

interface Slot {
  readonly running: boolean;
  /** A task is on its way. */
  readonly pending: boolean;
  /** The newest task that says what is wrong. */
  readonly telling: Task | undefined;
}

export function convergence(cluster: Cluster): Convergence {
  const { service } = cluster;
  const facts = new Facts(cluster);
  const names = slotNames(service, facts);
  const slots = names.map((name) => facts.slot(name));
  // Of a job, only what completed counts, so the number of slots says nothing of how many are wanted.
  const wanted =
    service.spec?.mode?.$case === 'replicatedJob'
      ? Number(service.spec.mode.value.totalCompletions)
      : slots.length;
  const running = slots.filter((slot) => slot.running).length;
  const leaving = facts.leaving(names);
  const open = slots.filter((slot) => !slot.running);
  const abandoned = open.some((slot) => slot.pending) ? 0 : wanted - running;
  return {
    wanted,
    running,
    leaving,
    abandoned,
    isDone: running === wanted && leaving === 0 && !isUpdating(service),
    reason: reasonOf(
      open
        .flatMap(({ telling }) => telling ?? [])
        .sort(byVersion)
        .at(-1),
    ),
  };
}

const isUpdating = ({ updateStatus }: Service): boolean =>
  updateStatus?.state === Update.UPDATING || updateStatus?.state === Update.ROLLBACK_STARTED;

/** Slot numbers, or of global services the nodes that should have a task. */
function slotNames(service: Service, facts: Facts): readonly string[] {
  const mode = service.spec?.mode;
  switch (mode?.$case) {
    case 'global':
    case 'globalJob':
      return facts.eligibleNodes();
    case 'replicatedJob':
      return range(Number(mode.value.totalCompletions));
    default: {
      // Numbers are given as slots are made, and need not be without gaps: the fullest come first.
      const wanted = Number(mode?.value.replicas ?? 0n);
      const used = facts.slotsInUse().slice(0, wanted);
      const free = range(wanted - used.length).map((index) => `free ${index}`);
      return [...used, ...free];
    }
  }
}

const range = (length: number): readonly string[] =>
  Array.from({ length }, (_, index) => String(index));

/** The tasks and nodes of one look at the cluster, in the order in which they are asked for. */
class Facts {
  private readonly nodes: ReadonlyMap<string, Node>;
  private readonly bySlot = new Map<string, Task[]>();
  private readonly isDirty: DirtyCheck;
  private readonly isJob: boolean;

  constructor(private readonly cluster: Cluster) {
    const { service, tasks, nodes } = cluster;
    this.nodes = new Map(nodes.map((node) => [node.id, node]));
    this.isDirty = dirtyCheck(service);
    this.isJob = isJob(service);
    const iteration = service.jobStatus?.jobIteration?.index;
    for (const task of [...tasks].sort(byVersion)) {
      // What earlier runs of a job did is history.
      if (this.isJob && task.jobIteration?.index !== iteration) continue;
      const name = isGlobal(service) ? task.nodeId : String(task.slot);
      const others = this.bySlot.get(name);
      if (others === undefined) this.bySlot.set(name, [task]);
      else others.push(task);
    }
  }

  slot(name: string): Slot {
    const tasks = this.bySlot.get(name) ?? [];
    const live = tasks.filter((task) => this.isLive(task));
    const running = this.isJob
      ? tasks.some((task) => observedState(task) === TaskState.COMPLETE)
      : live.some((task) => observedState(task) === TaskState.RUNNING && !this.isOutdated(task));
    // What went wrong under an older spec may be what this one puts right.
    const telling = tasks.findLast((task) => hasReason(task) && !this.isOutdated(task));
    return { running, pending: live.length > 0, telling };
  }

  /** Those with work in progress first, those with nothing but history last. */
  slotsInUse(): readonly string[] {
    const weight = ([, tasks]: readonly [string, readonly Task[]]): number => {
      if (tasks.some((task) => this.isLive(task))) return 0;
      return tasks.some((task) => this.isWanted(task)) ? 1 : 2;
    };
    return [...this.bySlot].sort((a, b) => weight(a) - weight(b)).map(([name]) => name);
  }

  /** Where the orchestrator keeps a task of a global service. */
  eligibleNodes(): readonly string[] {
    const { service, nodes } = this.cluster;
    const constraints = parseConstraintsOrNone(service.spec?.task?.placement?.constraints ?? []);
    return nodes
      .filter(
        (node) =>
          !isDown(node) &&
          node.spec?.availability !== NodeSpec_Availability.DRAIN &&
          node.spec?.availability !== NodeSpec_Availability.PAUSE &&
          meetsConstraints(node, constraints),
      )
      .map(({ id }) => id);
  }

  /** Tasks that run, or may yet, and should not. On a node that is down nobody can tell, so they do not count. */
  leaving(names: readonly string[]): number {
    const wanted = new Set(names);
    let leaving = 0;
    for (const [name, tasks] of this.bySlot)
      for (const task of tasks) {
        if (!holdsNode(task) || this.isOnDownNode(task)) continue;
        if (!this.isLive(task)) leaving += 1;
        else if (!this.isJob && (this.isOutdated(task) || !wanted.has(name)) && !this.isKept(task))
          leaving += 1;
      }
    return leaving;
  }

  private isWanted(task: Task): boolean {
    return task.desiredState <= (this.isJob ? TaskState.COMPLETE : TaskState.RUNNING);
  }

  /** Meant to run, and may. */
  private isLive(task: Task): boolean {
    return (
      this.isWanted(task) && observedState(task) <= TaskState.RUNNING && !this.isOnDownNode(task)
    );
  }

  private isOutdated(task: Task): boolean {
    return this.isDirty(task, this.nodes.get(task.nodeId));
  }

  /** A paused node keeps what it has: nothing of a global service is updated or removed there. */
  private isKept(task: Task): boolean {
    return (
      isGlobal(this.cluster.service) &&
      this.nodes.get(task.nodeId)?.spec?.availability === NodeSpec_Availability.PAUSE
    );
  }

  private isOnDownNode(task: Task): boolean {
    if (task.nodeId === '') return false;
    const node = this.nodes.get(task.nodeId);
    return node === undefined || isDown(node);
  }
}

const byVersion = (a: Task, b: Task): number =>
  Number((a.meta?.version?.index ?? 0n) - (b.meta?.version?.index ?? 0n));

const isDown = (node: Node): boolean => node.status?.state === NodeStatus_State.DOWN;

const holdsNode = (task: Task): boolean =>
  observedState(task) >= TaskState.ASSIGNED && observedState(task) <= TaskState.RUNNING;

const hasReason = (task: Task): boolean => (task.status?.err ?? '') !== '';

const reasonOf = (task: Task | undefined): string =>
  task === undefined
    ? ''
    : oneLine(`${sentence(taskState(task.status?.state))}: ${task.status?.err ?? ''}`);
