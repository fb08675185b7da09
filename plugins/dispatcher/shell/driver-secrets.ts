/**
 * Values of secrets with a driver, for one stream to one node: fetched when a task that refers to one is to
 * be sent, and forgotten with the last task on the node that uses it. Nothing of this is ever stored.
 */
import type { View } from '@swarmkit/sdk/contracts/store';
import { observedState } from '@swarmkit/sdk/model/task';
import { messageOf } from '@swarmkit/sdk/plugin/errors';
import type { Secret, Task } from '@swarmkit/sdk/wire/gen/swarmkit/objects';
import { TaskState } from '@swarmkit/sdk/wire/gen/swarmkit/types';
import type { SecretSource } from '../core/assignments.js';
import { drivenSecrets, filledSecret, ownId, secretRequest } from '../core/secret-request.js';
import type { DriverCalls } from './driver-calls.js';

interface Shared {
  readonly secret: Secret;
  /** Task ids. */
  readonly users: Set<string>;
}

export class DriverSecrets implements SecretSource {
  private readonly shared = new Map<string, Shared>();
  /** By `secret id.task id`. */
  private readonly own = new Map<string, Secret>();
  private readonly fetching = new Map<string, Promise<boolean>>();
  /** Of each secret the fetch that may turn out to serve others too. */
  private readonly first = new Map<string, Promise<void>>();
  /** Secrets whose driver gave a value for one task alone: nobody waits for another's. */
  private readonly single = new Set<string>();
  /** Tasks that were to have a value and got none. */
  private readonly failed = new Set<string>();

  constructor(
    private readonly calls: DriverCalls,
    /** Until it is written, or this manager leads no more. */
    private readonly reject: (task: Task, why: string) => Promise<void>,
  ) {}

  /** Values of it are to be fetched before it is sent. */
  wants(view: View, task: Task): boolean {
    return !this.failed.has(task.id) && this.missing(view, task).length > 0;
  }

  holds(view: View, task: Task): boolean {
    // One that its node has taken up is sent without: what is not named to the node, it stops.
    if (observedState(task) > TaskState.ASSIGNED) return false;
    return this.failed.has(task.id) || this.missing(view, task).length > 0;
  }

  of(secret: Secret, task: Task): Secret | undefined {
    const own = this.own.get(ownId(secret.id, task.id));
    if (own !== undefined) return own;
    const shared = this.shared.get(secret.id);
    shared?.users.add(task.id);
    return shared?.secret;
  }

  release(taskId: string): void {
    this.failed.delete(taskId);
    for (const [id] of this.own) if (id.endsWith(`.${taskId}`)) this.own.delete(id);
    for (const [id, { users }] of this.shared)
      if (users.delete(taskId) && users.size === 0) this.shared.delete(id);
  }

  /** True when all values of the task are here, false when it had to be rejected. Throws what `reject` throws. */
  fetch(view: View, task: Task): Promise<boolean> {
    const known = this.fetching.get(task.id);
    if (known !== undefined) return known;
    const all = this.fetchAll(view, task).finally(() => this.fetching.delete(task.id));
    this.fetching.set(task.id, all);
    return all;
  }

  private async fetchAll(view: View, task: Task): Promise<boolean> {
    for (const secret of this.missing(view, task)) {
      const name = secret.spec?.annotations?.name ?? secret.id;
      try {
        await this.fetchOne(secret, task);
      } catch (error) {
        this.failed.add(task.id);
        await this.reject(task, `failed to fetch secret ${name}: ${messageOf(error)}`);
        return false;
      }
    }
    return true;
  }

  private async fetchOne(secret: Secret, task: Task): Promise<void> {
    // Others of this node may get what the first one is given.
    while (!this.single.has(secret.id) && this.first.has(secret.id))
      await this.first.get(secret.id)?.catch(() => undefined);
    if (this.of(secret, task) !== undefined) return;
    const call = this.ask(secret, task);
    this.first.set(secret.id, call);
    try {
      await call;
    } finally {
      if (this.first.get(secret.id) === call) this.first.delete(secret.id);
    }
  }

  private async ask(secret: Secret, task: Task): Promise<void> {
    const answer = await this.calls.value(secretRequest(secret, task));
    const filled = filledSecret(secret, task, answer);
    if (answer.doNotReuse) {
      this.single.add(secret.id);
      this.own.set(filled.id, filled);
    } else this.shared.set(secret.id, { secret: filled, users: new Set([task.id]) });
  }

  private missing(view: View, task: Task): readonly Secret[] {
    return drivenSecrets(view, task).filter((secret) => this.of(secret, task) === undefined);
  }
}
