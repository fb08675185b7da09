/**
 * Who waits for which process to end, and what is known of ends. Fed by events; after a time without
 * events it asks containerd about every process that somebody waits for.
 * A wait survives the loss of containerd: containers run on under their shims.
 */
import { isRetryable, SwarmError } from '@swarmkit/sdk/plugin/errors';
import { TasksService } from '@swarmkit/sdk/wire/gen/containerd/services/tasks/v1/tasks';
import { Status } from '@swarmkit/sdk/wire/gen/containerd/types/task/task';
import { abortable } from '../abortable.js';
import type { ContainerdConnection } from '../containerd/connection.js';

export interface ProcessRef {
  readonly containerId: string;
  /** '' for the container's own process. */
  readonly execId: string;
}

interface Watched extends ProcessRef {
  readonly end: Promise<number>;
  resolve(code: number): void;
  reject(error: unknown): void;
  settled: boolean;
  /** Not started yet, so that its absence means nothing. */
  expected: boolean;
}

export class ExitWatch {
  private readonly watched = new Map<string, Watched>();

  /** `isLive`: events are flowing. */
  constructor(
    private readonly containerd: ContainerdConnection,
    readonly isLive: () => boolean,
  ) {}

  /** Before a process is started, so that its end cannot come first. `started` or `forget` must follow. */
  expect(process: ProcessRef): void {
    this.watched.set(keyOf(process), newWatched(process, true));
  }

  started(process: ProcessRef): void {
    const entry = this.watched.get(keyOf(process));
    if (entry !== undefined) entry.expected = false;
  }

  /** The exit code, when it has ended. Fails when there is no such process any more. */
  wait(process: ProcessRef, signal: AbortSignal): Promise<number> {
    let entry = this.watched.get(keyOf(process));
    if (entry === undefined) {
      entry = newWatched(process, false);
      this.watched.set(keyOf(process), entry);
      void this.look(entry);
    }
    return abortable(entry.end, signal);
  }

  forget(process: ProcessRef): void {
    this.watched.delete(keyOf(process));
  }

  /** From an event. */
  exited(process: ProcessRef, code: number): void {
    this.watched.get(keyOf(process))?.resolve(code);
  }

  /** After events were missed. */
  lookAgain(): void {
    for (const entry of this.watched.values()) if (!entry.settled) void this.look(entry);
  }

  private async look(entry: Watched): Promise<void> {
    const { containerId, execId } = entry;
    try {
      const found = await this.containerd.find(TasksService.get, { containerId, execId });
      if (found?.process === undefined) {
        if (!entry.expected) entry.reject(destroyed(entry));
      } else if (found.process.status === Status.STOPPED) entry.resolve(found.process.exitStatus);
    } catch (error) {
      // While containerd is away there is nothing to know; lookAgain comes when it is back.
      if (!isRetryable(error)) entry.reject(error);
    }
  }
}

const keyOf = ({ containerId, execId }: ProcessRef): string => `${containerId}/${execId}`;

function newWatched(process: ProcessRef, expected: boolean): Watched {
  let settle: { resolve(code: number): void; reject(error: unknown): void } | undefined;
  const end = new Promise<number>((resolve, reject) => {
    settle = { resolve, reject };
  });
  // Whoever waits hears of a failure; nobody may be waiting.
  end.catch(() => {});
  const entry: Watched = {
    ...process,
    end,
    settled: false,
    expected,
    resolve: (code) => {
      entry.settled = true;
      settle?.resolve(code);
    },
    reject: (error) => {
      entry.settled = true;
      settle?.reject(error);
    },
  };
  return entry;
}

const destroyed = ({ containerId }: ProcessRef): SwarmError =>
  new SwarmError(
    'not-found',
    'CONTAINERD_DESTROYED',
    'container destroyed: it was removed from containerd by something else than swarmkit',
    { detail: { containerId } },
  );
