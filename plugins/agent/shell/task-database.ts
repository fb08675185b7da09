import type { Operation, Space, Storage } from '@swarmkit/sdk/contracts/storage';
import type { Cancel, Clock } from '@swarmkit/sdk/plugin/env';
import { messageOf } from '@swarmkit/sdk/plugin/errors';
import type { Logger } from '@swarmkit/sdk/plugin/plugin';
import { SessionMessage } from '@swarmkit/sdk/wire/gen/swarmkit/dispatcher';
import { Task } from '@swarmkit/sdk/wire/gen/swarmkit/objects';
import { TaskStatus, type WeightedPeer } from '@swarmkit/sdk/wire/gen/swarmkit/types';
import type { MessageType } from '@swarmkit/sdk/wire/message-type';

/**
 * What this node must not forget of its tasks: the assigned task, its own status, and the mark that it
 * is still assigned. Writes are collected: one batch is in flight at a time, and the next one carries
 * the latest of all that changed meanwhile, so a burst of tasks costs a handful of fsyncs.
 *
 * Nothing here is needed to avoid a second container: a runtime holds at most one thing a task id, and
 * a task that is not in here is seeded from the manager's copy and adopted. What only this database
 * knows is that a task has ended: see `status`.
 */

export interface StoredTask {
  /** Its status is the stored one. */
  readonly task: Task;
  readonly assigned: boolean;
}

const space = 'agent';
const retryMs = 1_000;
const managersKey = 'managers';

type Part = 'assigned' | 'data' | 'status';
/** Ids are base 36 and never hold a slash. */
const keyOf = (taskId: string, part: Part): string => `tasks/${taskId}/${part}`;
const mark = Uint8Array.of(0xff);

export class TaskDatabase {
  private pending = new Map<string, Operation>();
  private flushed: Promise<void> = Promise.resolve();
  private next: Promise<void> | undefined;
  private retry: Cancel | undefined;
  private refused = '';
  private closed = false;

  private constructor(
    private readonly space: Space,
    private readonly clock: Clock,
    private readonly log: Logger,
  ) {}

  static async open(storage: Storage, clock: Clock, log: Logger): Promise<TaskDatabase> {
    return new TaskDatabase(await storage.open(space), clock, log);
  }

  /** Records that cannot be read are left out and deleted: the manager's copy takes their place. */
  async load(): Promise<readonly StoredTask[]> {
    const parts = new Map<string, Map<string, Uint8Array>>();
    for await (const [key, value] of this.space.scan(prefix('tasks/'))) {
      const [, id = '', part = ''] = Buffer.from(key).toString().split('/');
      parts.set(id, (parts.get(id) ?? new Map<string, Uint8Array>()).set(part, value));
    }
    return [...parts].flatMap(([id, found]) => {
      const task = this.decode(id, Task, found.get('data'));
      const status = this.decode(id, TaskStatus, found.get('status'));
      if (task?.id === id && status !== undefined)
        return [{ task: { ...task, status }, assigned: found.has('assigned') }];
      void this.forget(id);
      return [];
    });
  }

  assign(task: Task): void {
    this.data(task);
    if (task.status !== undefined) void this.status(task.id, task.status);
    void this.put(keyOf(task.id, 'assigned'), mark);
  }

  /** The assigned task changed. */
  data(task: Task): void {
    const blank: Task = { ...task, status: undefined };
    void this.put(keyOf(task.id, 'data'), Task.encode(blank).finish());
  }

  /**
   * Resolves when the status is on disk, or when the disk has refused it (it is tried again until it
   * takes it). Only an end must be on disk before it is told to anyone: after a crash a task whose end
   * was told and forgotten would be run again beside its replacement. Every other state is found again
   * from the runtime, so nobody waits for it.
   */
  status(taskId: string, status: TaskStatus): Promise<void> {
    return this.put(keyOf(taskId, 'status'), TaskStatus.encode(status).finish());
  }

  /** From now on a restart removes what is held for the task instead of going on with it. */
  unassign(taskId: string): void {
    void this.write(keyOf(taskId, 'assigned'), { del: bytes(keyOf(taskId, 'assigned')) });
  }

  forget(taskId: string): Promise<void> {
    const parts: readonly Part[] = ['assigned', 'data', 'status'];
    const written = parts
      .map((part) => keyOf(taskId, part))
      .map((key) => this.write(key, { del: bytes(key) }));
    return Promise.all(written).then(() => undefined);
  }

  async managers(): Promise<readonly WeightedPeer[]> {
    const stored = await this.space.get(bytes(managersKey));
    return this.decode(managersKey, SessionMessage, stored)?.managers ?? [];
  }

  saveManagers(managers: readonly WeightedPeer[]): void {
    void this.put(managersKey, SessionMessage.encode(SessionMessage.create({ managers })).finish());
  }

  /** Writes what waits, if the disk takes it. */
  async close(): Promise<void> {
    this.closed = true;
    this.retry?.();
    await this.nextBatch();
    await this.space.close();
  }

  private put(key: string, value: Uint8Array): Promise<void> {
    return this.write(key, { put: bytes(key), value });
  }

  private write(key: string, operation: Operation): Promise<void> {
    this.pending.set(key, operation);
    return this.nextBatch();
  }

  /** Everybody who writes before the next batch begins shares that batch. */
  private nextBatch(): Promise<void> {
    this.next ??= this.flushed.then(() => {
      this.next = undefined;
      this.flushed = this.flush();
      return this.flushed;
    });
    return this.next;
  }

  /** Never rejects. */
  private async flush(): Promise<void> {
    const taken = this.pending;
    this.pending = new Map();
    try {
      await this.space.batch([...taken.values()]);
      if (this.refused !== '') this.log.info('the task database can be written again');
      this.refused = '';
    } catch (error) {
      for (const [key, operation] of taken)
        if (!this.pending.has(key)) this.pending.set(key, operation);
      if (this.refused !== messageOf(error))
        this.log.error({ err: error }, `task states are not saved: ${messageOf(error)}`);
      this.refused = messageOf(error);
      this.retry?.();
      if (!this.closed) this.retry = this.clock.after(retryMs, () => void this.nextBatch());
    }
  }

  private decode<T>(
    what: string,
    type: MessageType<T>,
    stored: Uint8Array | undefined,
  ): T | undefined {
    if (stored === undefined) return undefined;
    try {
      return type.decode(stored);
    } catch (error) {
      this.log.warn(
        { err: error, record: what },
        'a record of the task database cannot be read and is dropped',
      );
      return undefined;
    }
  }
}

const bytes = (key: string): Uint8Array => Buffer.from(key);

/** Every key that begins so; keys are ASCII. */
const prefix = (text: string): { readonly gte: Uint8Array; readonly lt: Uint8Array } => ({
  gte: bytes(text),
  lt: bytes(`${text}\x7f`),
});
