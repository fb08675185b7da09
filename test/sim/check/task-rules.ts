/** What holds of tasks after every entry, whoever wrote it. */
import type { ChangeOf, Commit } from '@swarmkit/sdk/contracts/store';
import {
  holdsResources,
  isGlobal,
  isJob,
  observedState,
  slotKey,
  slotOf,
} from '@swarmkit/sdk/model/task';
import { describeTask } from '@swarmkit/sdk/testkit/fixtures';
import type { Service, Task } from '@swarmkit/sdk/wire/gen/swarmkit/objects';
import { TaskState, UpdateConfig_UpdateOrder } from '@swarmkit/sdk/wire/gen/swarmkit/types';
import type { Oracle, Rule } from './oracle.js';
import type { Verdict } from './verdict.js';

const { START_FIRST } = UpdateConfig_UpdateOrder;

export class TaskRules implements Rule {
  placements = 0;
  created = 0;
  /** Services that were ever told to start first: there, two tasks of a slot may be wanted at once. */
  private readonly startFirst = new Set<string>();
  /** `iteration/slot` of jobs that completed, by service. */
  private readonly completed = new Map<string, Set<string>>();

  constructor(private readonly verdict: Verdict) {}

  committed(commit: Commit, oracle: Oracle): void {
    const services = new Set<string>();
    const placedOn = new Set<string>();
    for (const change of commit.changes) {
      if (change.kind === 'service' && change.action !== 'remove') this.noteService(change.object);
      if (change.kind !== 'task') continue;
      this.task(change, oracle);
      services.add(change.object.serviceId);
      if (isPlacement(change)) {
        this.placements++;
        placedOn.add(change.object.nodeId);
      }
    }
    for (const id of services) {
      const service = oracle.get('service', id);
      if (service !== undefined) this.slots(service, oracle);
    }
    for (const id of placedOn) this.room(id, oracle);
  }

  private noteService(service: Service): void {
    const { update, rollback } = service.spec ?? {};
    if (update?.order === START_FIRST || rollback?.order === START_FIRST)
      this.startFirst.add(service.id);
  }

  private task({ action, object, old }: ChangeOf<'task'>, oracle: Oracle): void {
    const { verdict } = this;
    if (action === 'create') {
      this.created++;
      this.notAgain(object, oracle);
    }
    if (action === 'remove') return;
    if (old !== undefined) {
      verdict.holds(
        observedState(object) >= observedState(old),
        'states go forward',
        () =>
          `${describeTask(object)}: observed fell from ${TaskState[observedState(old)]} in entry ${oracle.index}`,
      );
      verdict.holds(
        object.desiredState >= old.desiredState,
        'desired goes up',
        () =>
          `${describeTask(object)}: desired fell from ${TaskState[old.desiredState]} in entry ${oracle.index}`,
      );
      verdict.holds(
        old.nodeId === '' || old.nodeId === object.nodeId,
        'a task stays',
        () => `${describeTask(object)} moved from ${old.nodeId} to ${object.nodeId}`,
      );
    }
    if (observedState(object) === TaskState.COMPLETE) this.noteCompleted(object, oracle);
  }

  private noteCompleted(task: Task, oracle: Oracle): void {
    const service = oracle.get('service', task.serviceId);
    if (service === undefined || !isJob(service)) return;
    const done = this.completed.get(service.id) ?? new Set();
    done.add(jobKey(service, task));
    this.completed.set(service.id, done);
  }

  private notAgain(task: Task, oracle: Oracle): void {
    const service = oracle.get('service', task.serviceId);
    if (service === undefined || !isJob(service)) return;
    this.verdict.holds(
      this.completed.get(service.id)?.has(jobKey(service, task)) !== true,
      'a job runs once',
      () => `${describeTask(task)} was made for ${jobKey(service, task)}, which has completed`,
    );
  }

  private slots(service: Service, oracle: Oracle): void {
    const live = new Map<string, Task[]>();
    for (const task of oracle.all('task')) {
      if (task.serviceId !== service.id || !isLive(service, task)) continue;
      const key = slotKey(slotOf(service, task));
      live.set(key, [...(live.get(key) ?? []), task]);
    }
    const allowed = this.startFirst.has(service.id) ? 2 : 1;
    for (const tasks of live.values())
      this.verdict.holds(
        tasks.length <= allowed,
        'one live task a slot',
        () => `${tasks.map(describeTask).join(' and ')} at entry ${oracle.index}`,
      );
  }

  private room(nodeId: string, oracle: Oracle): void {
    const node = oracle.get('node', nodeId);
    if (node === undefined) return;
    let nanoCpus = 0n;
    let memoryBytes = 0n;
    for (const task of oracle.all('task')) {
      if (task.nodeId !== nodeId || !holdsResources(task)) continue;
      nanoCpus += task.spec?.resources?.reservations?.nanoCpus ?? 0n;
      memoryBytes += task.spec?.resources?.reservations?.memoryBytes ?? 0n;
    }
    const has = node.description?.resources;
    this.verdict.holds(
      nanoCpus <= (has?.nanoCpus ?? 0n) && memoryBytes <= (has?.memoryBytes ?? 0n),
      'no node over its resources',
      () =>
        `${nodeId} has ${has?.nanoCpus} nano CPUs and ${has?.memoryBytes} bytes, and ${nanoCpus} and ${memoryBytes} are reserved at entry ${oracle.index}`,
    );
  }
}

/** Wanted, and of the job's present iteration. */
function isLive(service: Service, task: Task): boolean {
  if (!isJob(service)) return task.desiredState <= TaskState.RUNNING;
  return (
    task.desiredState <= TaskState.COMPLETE &&
    observedState(task) <= TaskState.RUNNING &&
    task.jobIteration?.index === service.jobStatus?.jobIteration?.index
  );
}

const jobKey = (service: Service, task: Task): string =>
  `iteration ${task.jobIteration?.index} ${isGlobal(service) ? `node ${task.nodeId}` : `slot ${task.slot}`}`;

const isPlacement = ({ object, old, action }: ChangeOf<'task'>): boolean =>
  action !== 'remove' &&
  observedState(object) >= TaskState.ASSIGNED &&
  (old === undefined || observedState(old) < TaskState.ASSIGNED);
