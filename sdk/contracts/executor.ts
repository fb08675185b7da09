import type { Observable } from 'rxjs';
import { extensionPoint } from '../plugin/token.js';
import type { Config, Node, Secret, Task } from '../wire/gen/swarmkit/objects.js';
import type {
  ContainerStatus,
  EncryptionKey,
  NodeDescription,
  PortStatus,
} from '../wire/gen/swarmkit/types.js';

/**
 * Something that runs tasks: containerd, Docker, plain processes.
 *
 * Streams: `events$`, what the runtime says by itself.
 * Invariants: everything an executor makes carries the task's id, so that a restarted agent finds it
 * again (`existing`) and `controller` for that task adopts it: prepare and start then answer `already`
 * and nothing is restarted. Every verb may be called again after a crash in the middle of it.
 * Errors: retryable kinds (see isRetryable) mean "temporary, the same verb again in 1 s"; every other
 * error is the task's reason for REJECTED (before STARTING) or FAILED (from STARTING on).
 * Any number of contributions: the first whose `accepts` says yes, in the order of ids, runs the task;
 * descriptions are merged in the same order (resources from the first).
 */
export interface Executor {
  readonly id: string;
  accepts(task: Task): boolean;
  /** Platform, engine, resources of this machine. Hostname and TLS info are added by the agent. */
  describe(): Promise<NodeDescription>;
  /** Synchronous and without effects; refusals (`exec: unsupported runtime`) are thrown as SwarmError. */
  controller(task: Task, dependencies: Dependencies): TaskController;
  /**
   * Ids of all tasks that this runtime holds something for, running or not; with `nodeId` only those of
   * that node, since two nodes may share a runtime.
   */
  existing(nodeId?: string): Promise<readonly string[]>;
  /** Removes everything held for a task that has no controller any more. No error when there is nothing. */
  discard(taskId: string): Promise<void>;
  /**
   * This node as the managers have it, for executors that attach it to networks: at first, and when
   * anything but its status and its meta changed. Synchronous; what it throws is logged.
   */
  configure?(node: Node): void;
  /** The keys of encrypted networks, all of them: at first, and when one is new. As `configure`. */
  useNetworkKeys?(keys: readonly EncryptionKey[]): void;
  readonly events$: Observable<ExecutorEvent>;
}

export interface ExecutorEvent {
  /** `unavailable` and `available` speak of the runtime itself. */
  readonly what: 'exited' | 'unhealthy' | 'healthy' | 'unavailable' | 'available';
  readonly taskId?: string;
  readonly detail?: string;
}

/** What a task may refer to, looked up when it is needed; undefined when the agent was not given it. */
export interface Dependencies {
  secret(id: string): Secret | undefined;
  config(id: string): Config | undefined;
}

/** One task's runtime side. Verbs are never called two at a time, except `close` and aborts by signal. */
export interface TaskController {
  /** The assigned task changed (never its spec). */
  update(task: Task): Promise<void>;
  /** Image, snapshot, container. `already` when it exists. */
  prepare(signal: AbortSignal): Promise<'done' | 'already'>;
  /** Runs it; with a health check resolves when healthy. `already` when it was started before. */
  start(signal: AbortSignal): Promise<'done' | 'already'>;
  /** Resolves when it has ended. */
  wait(signal: AbortSignal): Promise<Exit>;
  /** Stop signal, grace period, SIGKILL. Resolves when it no longer runs; no error when it never ran. */
  shutdown(signal: AbortSignal): Promise<void>;
  /** SIGKILL at once. */
  terminate(signal: AbortSignal): Promise<void>;
  /** Removes everything that prepare made. Implies terminate. */
  remove(signal: AbortSignal): Promise<void>;
  /** Container id, pid, exit code as of now; undefined when there is none. */
  containerStatus(): Promise<ContainerStatus | undefined>;
  portStatus(): Promise<PortStatus | undefined>;
  /** Lets go without touching what runs. */
  close(): void;
}

export interface Exit {
  readonly code: number;
  /** Why, beyond the code: `out of memory`, `unhealthy container`. */
  readonly reason?: string;
}

export const Executors = extensionPoint<Executor>('swarmkit.executor.v1');
