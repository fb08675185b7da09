/**
 * What an update may not do: more slots under way than its parallelism, the wrong order, and one more
 * try after its failures have passed the ratio. The books are kept from committed entries alone.
 */
import type { Commit } from '@swarmkit/sdk/contracts/store';
import { isTaskDirty } from '@swarmkit/sdk/model/dirty-task';
import { isJob, observedState, slotKey, slotOf } from '@swarmkit/sdk/model/task';
import { durationToMs, timestampToMs } from '@swarmkit/sdk/model/time';
import { describeTask } from '@swarmkit/sdk/testkit/fixtures';
import type { Node, Service, Task } from '@swarmkit/sdk/wire/gen/swarmkit/objects';
import { NodeSpec_Availability } from '@swarmkit/sdk/wire/gen/swarmkit/specs';
import {
  NodeStatus_State,
  TaskState,
  UpdateConfig_FailureAction,
  UpdateConfig_UpdateOrder,
  UpdateStatus_UpdateState,
} from '@swarmkit/sdk/wire/gen/swarmkit/types';
import type { Oracle, Rule } from './oracle.js';
import type { Verdict } from './verdict.js';

const { START_FIRST } = UpdateConfig_UpdateOrder;
const { ROLLBACK_STARTED, UPDATING } = UpdateStatus_UpdateState;

export class UpdateRules implements Rule {
  attempts = 0;
  updates = 0;
  rollbacks = 0;
  pauses = 0;
  /** Tasks that an update made in place of one that was out of date, and the entry, by service. */
  private readonly tries = new Map<string, Map<string, bigint>>();
  /** The entry with which a service was last changed by a user, or began to go back. */
  private readonly beganAt = new Map<string, bigint>();

  constructor(private readonly verdict: Verdict) {}

  committed(commit: Commit, oracle: Oracle): void {
    const fresh = new Map<string, Task[]>();
    for (const { kind, object, old, action } of commit.changes) {
      if (kind === 'service') this.note(object, old, commit.index);
      else if (kind === 'task' && action === 'create')
        fresh.set(object.serviceId, [...(fresh.get(object.serviceId) ?? []), object]);
    }
    // What is made is known before what is taken down for it: both may be in one entry.
    for (const [serviceId, tasks] of fresh) {
      const service = oracle.get('service', serviceId);
      if (service !== undefined && !isJob(service)) this.made(service, tasks, commit, oracle);
    }
    const before = new Map<string, Task>();
    for (const { kind, object, old, action } of commit.changes) {
      if (kind !== 'task' || old === undefined) continue;
      before.set(object.id, old);
      if (action === 'update') this.released(object, old, before, oracle);
    }
  }

  private note(service: Service, old: Service | undefined, index: bigint): void {
    const state = service.updateStatus?.state;
    const isNew = service.specVersion?.index !== old?.specVersion?.index;
    const turnsBack = state === ROLLBACK_STARTED && old?.updateStatus?.state !== ROLLBACK_STARTED;
    if (isNew || turnsBack) this.beganAt.set(service.id, index);
    if (state === old?.updateStatus?.state) return;
    if (state === UPDATING) this.updates++;
    if (state === ROLLBACK_STARTED) this.rollbacks++;
    if (state === UpdateStatus_UpdateState.PAUSED) this.pauses++;
  }

  /** New tasks of a service: those that replace a task that is out of date are tries of its update. */
  private made(service: Service, tasks: readonly Task[], commit: Commit, oracle: Oracle): void {
    const tries = this.tries.get(service.id) ?? new Map<string, bigint>();
    this.tries.set(service.id, tries);
    const wanted = new Map<string, Task>();
    for (const change of commit.changes)
      if (change.kind === 'task' && change.old !== undefined) wanted.set(change.id, change.old);
    let added = 0;
    for (const task of tasks) {
      const key = slotKey(slotOf(service, task));
      const slot = [...this.of(service, oracle)].filter(
        (other) => other.id !== task.id && slotKey(slotOf(service, other)) === key,
      );
      const isDirty = (other: Task): boolean =>
        isTaskDirty(service, other, oracle.get('node', other.nodeId));
      // The first that is up to date after one that was not. What ended, or lost its node, is replaced
      // by the restart policy, and after a try has failed so is the try.
      const newest = slot.at(-1);
      if (newest === undefined || !isDirty(newest)) continue;
      const then = wanted.get(newest.id) ?? newest;
      const runs =
        then.desiredState <= TaskState.RUNNING &&
        observedState(then) <= TaskState.RUNNING &&
        (then.nodeId === '' || isHealthy(oracle.get('node', then.nodeId)));
      if (!runs) continue;
      tries.set(task.id, commit.index);
      added++;
    }
    if (added === 0) return;
    this.attempts += added;
    const policy = policyOf(service);
    const underWay = [...this.of(service, oracle)].filter(
      (task) =>
        tries.has(task.id) &&
        task.desiredState <= TaskState.RUNNING &&
        observedState(task) < TaskState.RUNNING &&
        !isLeftOut(task, oracle.get('node', task.nodeId)) &&
        // A rollback finds tries of the update before last, and is not to blame for them.
        (tries.get(task.id) ?? 0n) >= (this.beganAt.get(service.id) ?? 0n),
    );
    this.verdict.holds(
      underWay.length <= policy.parallelism,
      'update parallelism',
      () =>
        `${service.id} has ${underWay.length} slots under way with parallelism ${policy.parallelism} at entry ${oracle.index}: ${underWay.map(describeTask).join(', ')}`,
    );
    this.ratio(service, tries, tasks, policy, oracle);
  }

  /** Failures that were known before this entry must have stopped it already. */
  private ratio(
    service: Service,
    tries: ReadonlyMap<string, bigint>,
    fresh: readonly Task[],
    policy: Policy,
    oracle: Oracle,
  ): void {
    if (policy.action === UpdateConfig_FailureAction.CONTINUE) return;
    const startedAt = timestampToMs(service.updateStatus?.startedAt) ?? Number.POSITIVE_INFINITY;
    const slots = new Set<string>();
    const failed: Task[] = [];
    for (const task of this.of(service, oracle)) {
      if (task.desiredState <= TaskState.RUNNING) slots.add(slotKey(slotOf(service, task)));
      if (fresh.includes(task) || !tries.has(task.id)) continue;
      if (isTaskDirty(service, task, oracle.get('node', task.nodeId))) continue;
      // What was made for an earlier update says nothing about this one. By both books: another leader's
      // clock may be behind, and its tasks are older than the update that they belong to.
      const madeAt = timestampToMs(task.meta?.createdAt) ?? 0;
      if ((tries.get(task.id) ?? 0n) < (this.beganAt.get(service.id) ?? 0n)) continue;
      if (madeAt < startedAt || task.nodeId === '') continue;
      if (!isHealthy(oracle.get('node', task.nodeId))) continue;
      if (failedInTime(task, startedAt, policy.monitorMs)) failed.push(task);
    }
    this.verdict.holds(
      failed.length === 0 || failed.length / Math.max(1, slots.size) <= policy.maxFailureRatio,
      'update failure ratio',
      () =>
        `${service.id} goes on at entry ${oracle.index} after ${failed.length} failures of ${slots.size} slots with ratio ${policy.maxFailureRatio}: ${failed.map(describeTask).join(', ')}`,
    );
  }

  /**
   * A task is let go or taken down: with stop-first the new one may run only when the old one does not,
   * with start-first the old one may go only when the new one runs.
   */
  private released(task: Task, old: Task, before: ReadonlyMap<string, Task>, oracle: Oracle): void {
    const service = oracle.get('service', task.serviceId);
    if (service === undefined || isJob(service) || !isUpdating(service)) return;
    const tries = this.tries.get(service.id);
    const policy = policyOf(service);
    const slot = slotKey(slotOf(service, task));
    const others = [...this.of(service, oracle)].filter(
      (other) => other.id !== task.id && slotKey(slotOf(service, other)) === slot,
    );
    const letGo = old.desiredState < TaskState.RUNNING && task.desiredState === TaskState.RUNNING;
    if (letGo && tries?.has(task.id) && policy.order !== START_FIRST) {
      const still = others.find(
        (other) =>
          // Scaled away, and the slot came back: nobody waits for what is to be removed.
          other.desiredState < TaskState.REMOVE &&
          observedState(before.get(other.id) ?? other) === TaskState.RUNNING &&
          isHealthy(oracle.get('node', other.nodeId)),
      );
      this.verdict.holds(
        still === undefined,
        'update order',
        () =>
          `stop-first: ${describeTask(task)} was let go at entry ${oracle.index} while ${still && describeTask(still)}`,
      );
    }
    const isTakenDown =
      old.desiredState <= TaskState.RUNNING && task.desiredState > TaskState.RUNNING;
    if (!isTakenDown || policy.order !== START_FIRST) return;
    const node = oracle.get('node', task.nodeId);
    const isOld =
      observedState(old) === TaskState.RUNNING &&
      isHealthy(node) &&
      isTaskDirty(service, task, node);
    // Where nothing is wanted in the slot any more, it was scaled away.
    const wanted = others.filter((other) => other.desiredState <= TaskState.RUNNING);
    const since = this.beganAt.get(service.id) ?? 0n;
    const next = wanted.find(
      (other) => (tries?.get(other.id) ?? 0n) >= since && tries?.has(other.id),
    );
    this.verdict.holds(
      !isOld ||
        next === undefined ||
        wanted.length > 1 ||
        observedState(next) === TaskState.RUNNING,
      'update order',
      () =>
        `start-first: ${describeTask(task)} was taken down at entry ${oracle.index} while ${next && describeTask(next)}`,
    );
  }

  private *of(service: Service, oracle: Oracle): Iterable<Task> {
    for (const task of oracle.all('task')) if (task.serviceId === service.id) yield task;
  }
}

interface Policy {
  readonly parallelism: number;
  readonly order: UpdateConfig_UpdateOrder;
  readonly action: UpdateConfig_FailureAction;
  readonly maxFailureRatio: number;
  readonly monitorMs: number;
}

function policyOf(service: Service): Policy {
  const isBack = service.updateStatus?.state === ROLLBACK_STARTED;
  const config = isBack ? service.spec?.rollback : service.spec?.update;
  return {
    parallelism: Number(config?.parallelism ?? 1n) || Number.POSITIVE_INFINITY,
    order: config?.order ?? UpdateConfig_UpdateOrder.STOP_FIRST,
    action: config?.failureAction ?? UpdateConfig_FailureAction.PAUSE,
    maxFailureRatio: config?.maxFailureRatio ?? 0,
    monitorMs: durationToMs(config?.monitor) ?? 5_000,
  };
}

/** It ended by itself, before it ran or while it was watched. */
function failedInTime({ status }: Task, startedAt: number, monitorMs: number): boolean {
  if (status?.state !== TaskState.FAILED && status?.state !== TaskState.REJECTED) return false;
  const endedAt = timestampToMs(status.appliedAt) ?? timestampToMs(status.timestamp) ?? 0;
  const runningSince = timestampToMs(status.runningSince);
  return endedAt > startedAt && (runningSince === undefined || endedAt - runningSince <= monitorMs);
}

/** Its node was paused before it could be placed: the update goes on without it. */
const isLeftOut = (task: Task, node: Node | undefined): boolean =>
  observedState(task) < TaskState.ASSIGNED &&
  node?.spec?.availability === NodeSpec_Availability.PAUSE;

const isUpdating = (service: Service): boolean =>
  service.updateStatus?.state === UPDATING || service.updateStatus?.state === ROLLBACK_STARTED;

const isHealthy = (node: Node | undefined): boolean =>
  node?.status?.state === NodeStatus_State.READY &&
  node.spec?.availability === NodeSpec_Availability.ACTIVE;
