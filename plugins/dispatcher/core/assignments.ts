import type { View } from '@swarmkit/sdk/contracts/store';
import { observedState } from '@swarmkit/sdk/model/task';
import { wireEqual } from '@swarmkit/sdk/model/wire-equal';
import {
  type Assignment,
  type AssignmentChange,
  AssignmentChange_AssignmentAction,
} from '@swarmkit/sdk/wire/gen/swarmkit/dispatcher';
import { Config, Secret, Task } from '@swarmkit/sdk/wire/gen/swarmkit/objects';
import { TaskState, VolumePublishStatus_State } from '@swarmkit/sdk/wire/gen/swarmkit/types';
import { dependenciesOf } from './dependencies.js';
import { ownId } from './secret-request.js';

/** Values of secrets that have a driver, as far as they were fetched for this node. */
export interface SecretSource {
  /** One of its values is still to come: the task is not sent before. */
  holds(view: View, task: Task): boolean;
  /** With its data; undefined where it could not be had. */
  of(secret: Secret, task: Task): Secret | undefined;
  /** The task needs nothing any more. */
  release(taskId: string): void;
}

/**
 * What one node should have, and what its stream was told so far: the pure half of `Assignments`.
 * A node is sent every task that reached ASSIGNED, and the secrets and configs of those that are not
 * past RUNNING; a dependency is taken back when its last user has passed RUNNING or is gone.
 */
export class NodeAssignments {
  private readonly tasks = new Map<string, Task>();
  /** Users (task ids) of each dependency that was sent. */
  private readonly users = {
    secret: new Map<string, Set<string>>(),
    config: new Map<string, Set<string>>(),
  };
  private readonly volumes = new Set<string>();

  constructor(
    private readonly nodeId: string,
    private readonly values?: SecretSource,
    /** Not to be sent yet. */
    private readonly isHeld: (task: Task) => boolean = () => false,
  ) {}

  /** Everything, as the first message of a stream. */
  complete(view: View): readonly AssignmentChange[] {
    const taskIds = view.find('task', { by: 'node', id: this.nodeId }).map((task) => task.id);
    const volumeIds = view
      .find('volume', { by: 'all' })
      .filter((volume) =>
        volume.publishStatus.some(
          (status) =>
            status.nodeId === this.nodeId && status.state === VolumePublishStatus_State.PUBLISHED,
        ),
      )
      .map((volume) => volume.id);
    return this.increment(view, taskIds, volumeIds);
  }

  /** What follows from changes of these tasks and volumes; empty when the node need not know. */
  increment(
    view: View,
    taskIds: Iterable<string>,
    volumeIds: Iterable<string> = [],
  ): readonly AssignmentChange[] {
    const changes: AssignmentChange[] = [];
    for (const id of taskIds) this.task(view, id, changes);
    for (const id of volumeIds) this.volume(view, id, changes);
    return changes;
  }

  private task(view: View, id: string, changes: AssignmentChange[]): void {
    const stored = view.get('task', id);
    const mine = stored?.nodeId === this.nodeId && observedState(stored) >= TaskState.ASSIGNED;
    const sent = this.tasks.get(id);
    if (stored === undefined || !mine) {
      if (sent === undefined) {
        // Values may have been fetched for it, or be on their way.
        this.values?.release(id);
        return;
      }
      this.tasks.delete(id);
      changes.push(remove({ $case: 'task', value: Task.create({ id }) }));
      this.releaseAll(id, sent, changes);
      return;
    }
    // One that the node has already is not taken from it while values are fetched again.
    if (sent === undefined && (this.values?.holds(view, stored) || this.isHeld(stored))) return;
    if (observedState(stored) <= TaskState.RUNNING) this.acquireAll(view, stored, changes);
    if (sent === undefined || needsUpdate(sent, stored))
      changes.push(update({ $case: 'task', value: stored }));
    this.tasks.set(id, stored);
    if (observedState(stored) > TaskState.RUNNING) this.releaseAll(id, stored, changes);
  }

  private acquireAll(view: View, task: Task, changes: AssignmentChange[]): void {
    for (const { kind, id } of dependenciesOf(task)) {
      if (this.isUsed(kind, id, task.id)) continue;
      // One that is missing does not hold back the task; it is looked for again at the task's next change.
      const item = this.lookUp(view, kind, id, task);
      // What a driver gave this task alone has an id of its own.
      if (item === undefined || this.isUsed(kind, item.value.id, task.id)) continue;
      this.users[kind].set(item.value.id, new Set([task.id]));
      changes.push(update(item));
    }
  }

  /** The node has it; from now on for this task too. */
  private isUsed(kind: 'secret' | 'config', id: string, taskId: string): boolean {
    return this.users[kind].get(id)?.add(taskId) !== undefined;
  }

  private releaseAll(taskId: string, task: Task, changes: AssignmentChange[]): void {
    for (const { kind, id: dependency } of dependenciesOf(task))
      for (const id of [dependency, ownId(dependency, taskId)]) {
        const users = this.users[kind].get(id);
        if (!users?.delete(taskId) || users.size > 0) continue;
        this.users[kind].delete(id);
        changes.push(
          remove(
            kind === 'secret'
              ? { $case: 'secret', value: Secret.create({ id }) }
              : { $case: 'config', value: Config.create({ id }) },
          ),
        );
      }
    this.values?.release(taskId);
  }

  private lookUp(view: View, kind: 'secret' | 'config', id: string, task: Task) {
    const item = lookUp(view, kind, id);
    if (item?.$case !== 'secret' || item.value.spec?.driver === undefined) return item;
    const value = this.values?.of(item.value, task);
    return value && { $case: 'secret' as const, value };
  }

  private volume(view: View, id: string, changes: AssignmentChange[]): void {
    const volume = view.get('volume', id);
    const status = volume?.publishStatus.find((one) => one.nodeId === this.nodeId);
    const item = (): NonNullable<Assignment['item']> => ({
      $case: 'volume',
      value: {
        id,
        volumeId: volume?.volumeInfo?.volumeId ?? '',
        driver: volume?.spec?.driver,
        volumeContext: volume?.volumeInfo?.volumeContext ?? {},
        publishContext: status?.publishContext ?? {},
        accessMode: volume?.spec?.accessMode,
        secrets: volume?.spec?.secrets ?? [],
      },
    });
    if (status?.state === VolumePublishStatus_State.PUBLISHED) {
      if (this.volumes.has(id)) return;
      this.volumes.add(id);
      changes.push(update(item()));
    } else if (
      this.volumes.delete(id) ||
      status?.state === VolumePublishStatus_State.PENDING_NODE_UNPUBLISH
    )
      // Also when it was never sent on this stream: the node may have it from an earlier one.
      changes.push(remove(item()));
  }
}

/** The agent moves the state; it is told again only while it has not taken the task up. */
const needsUpdate = (sent: Task, stored: Task): boolean =>
  observedState(stored) === TaskState.ASSIGNED
    ? !wireEqual(sent, stored)
    : !wireEqual(withoutStatus(sent), withoutStatus(stored));

const withoutStatus = (task: Task): Task => ({ ...task, status: undefined, meta: undefined });

function lookUp(view: View, kind: 'secret' | 'config', id: string) {
  if (kind === 'secret') {
    const value = view.get('secret', id);
    return value && { $case: 'secret' as const, value };
  }
  const value = view.get('config', id);
  return value && { $case: 'config' as const, value };
}

const update = (item: Assignment['item']): AssignmentChange => ({
  assignment: { item },
  action: AssignmentChange_AssignmentAction.UPDATE,
});

const remove = (item: Assignment['item']): AssignmentChange => ({
  assignment: { item },
  action: AssignmentChange_AssignmentAction.REMOVE,
});
