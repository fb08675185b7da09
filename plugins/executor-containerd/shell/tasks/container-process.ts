/**
 * The running side of one container: containerd's task. Knows what it learned itself and asks
 * containerd only where it does not know, as after a restart of the agent.
 */
import type { Clock } from '@swarmkit/sdk/plugin/env';
import { isSwarmError, SwarmError } from '@swarmkit/sdk/plugin/errors';
import { TasksService } from '@swarmkit/sdk/wire/gen/containerd/services/tasks/v1/tasks';
import type { Mount } from '@swarmkit/sdk/wire/gen/containerd/types/mount';
import { Status } from '@swarmkit/sdk/wire/gen/containerd/types/task/task';
import { SIGKILL } from '../../core/signals.js';
import { isRefusedByRunc, startFailure } from '../../core/start-failure.js';
import type { ContainerdConnection } from '../containerd/connection.js';
import { isKind } from '../containerd/status.js';
import type { ExitWatch } from './exit-watch.js';
import { killLeftovers, signalProcess } from './signal-process.js';

export type ProcessState =
  | { readonly kind: 'none' }
  /** Made and waiting to be started. */
  | { readonly kind: 'created'; readonly pid: number }
  | { readonly kind: 'running'; readonly pid: number }
  | { readonly kind: 'stopped'; readonly pid: number; readonly code: number };

export interface Stdio {
  readonly stdout: string;
  readonly stderr: string;
  readonly terminal: boolean;
}

/** runc create and start on a machine that is busy with a hundred others. */
const START_TIMEOUT_MS = 120_000;
/**
 * Where the process before us died in a create, containerd's clearing away sometimes takes the new shim's log pipe
 * along, and that shim waits for it for ever. A call that is given up ends it, and the next try is a new one.
 */
const CREATE_TIMEOUT_MS = 40_000;
/**
 * containerd takes 5 s at most for each step of clearing away. Rarely it gives up and keeps a folder in
 * the way of this container's id until it is restarted; then the task fails, and its successor has
 * another id.
 */
const BUSY_MS = 12_000;
/** For a killed process to be gone: longer only when the kernel is stuck in it. */
const KILL_MS = 30_000;

export class ContainerProcess {
  private known: ProcessState | undefined;
  private busySince: number | undefined;

  constructor(
    private readonly containerd: ContainerdConnection,
    private readonly exits: ExitWatch,
    private readonly clock: Clock,
    readonly containerId: string,
  ) {}

  async state(): Promise<ProcessState> {
    this.known ??= await this.look();
    return this.known;
  }

  /** Nothing runs yet, and nobody needs to ask. */
  assumeNone(): void {
    this.known = { kind: 'none' };
  }

  /** Makes the process without letting it run. */
  async create(rootfs: readonly Mount[], stdio: Stdio, image: string): Promise<void> {
    this.exits.expect(this.ref);
    try {
      const { pid } = await this.containerd.unary(
        TasksService.create,
        {
          containerId: this.containerId,
          rootfs,
          stdin: '',
          ...stdio,
          checkpoint: undefined,
          options: undefined,
          runtimePath: '',
          taskApiAddress: '',
          taskApiVersion: 0,
        },
        { timeoutMs: CREATE_TIMEOUT_MS },
      );
      this.known = { kind: 'created', pid };
    } catch (error) {
      this.known = undefined;
      this.exits.forget(this.ref);
      throw this.startError(error, image);
    }
  }

  async start(image: string): Promise<void> {
    try {
      const { pid } = await this.containerd.unary(
        TasksService.start,
        { containerId: this.containerId, execId: '' },
        { timeoutMs: START_TIMEOUT_MS },
      );
      this.known = { kind: 'running', pid };
      this.exits.started(this.ref);
    } catch (error) {
      this.known = undefined;
      this.exits.forget(this.ref);
      throw this.startError(error, image);
    }
  }

  /** The exit code. Outlives the loss of containerd. */
  async wait(signal: AbortSignal): Promise<number> {
    const state = await this.state();
    if (state.kind === 'stopped') return state.code;
    const code = await this.exits.wait(this.ref, signal);
    this.known = { kind: 'stopped', pid: state.kind === 'none' ? 0 : state.pid, code };
    return code;
  }

  /** Sends `signal`, and after `graceMs` SIGKILL. Resolves when it has ended; at once when none runs. */
  async stop(signal: number, graceMs: number, abort: AbortSignal): Promise<void> {
    // Without containerd nobody would tell of the end: better to say so at once than after the grace.
    if (!this.exits.isLive()) this.known = await this.look();
    const state = await this.state();
    if (state.kind === 'none' || state.kind === 'stopped') return;
    await signalProcess(this.containerd, this.containerId, state.pid, signal);
    if (signal !== SIGKILL) {
      if (await this.endsWithin(graceMs, abort)) return;
      await signalProcess(this.containerd, this.containerId, state.pid, SIGKILL);
    }
    if (await this.endsWithin(KILL_MS, abort)) return;
    // Fails as unavailable when it is containerd that does not answer.
    this.known = await this.look();
    if (this.known.kind === 'none' || this.known.kind === 'stopped') return;
    throw new SwarmError(
      'deadline-exceeded',
      'CONTAINERD_UNKILLABLE',
      `process ${state.pid} of container ${this.containerId} did not end within ${KILL_MS / 1000} s of SIGKILL; the kernel holds it, often on a dead network disk`,
    );
  }

  /** Kills it and removes what the runtime keeps for it. No error when there is nothing. */
  async delete(abort: AbortSignal): Promise<void> {
    await this.stop(SIGKILL, 0, abort);
    const state = await this.state();
    if (state.kind === 'none') killLeftovers(this.containerId);
    else await this.containerd.find(TasksService.delete, { containerId: this.containerId });
    this.known = { kind: 'none' };
    this.exits.forget(this.ref);
  }

  private async endsWithin(ms: number, abort: AbortSignal): Promise<boolean> {
    const late = new AbortController();
    const cancel = this.clock.after(ms, () => late.abort());
    try {
      await this.wait(AbortSignal.any([late.signal, abort]));
      return true;
    } catch (error) {
      // Destroyed is ended, too.
      if (isKind(error, 'not-found')) return true;
      if (late.signal.aborted && !abort.aborted) return false;
      throw error;
    } finally {
      cancel();
    }
  }

  private async look(): Promise<ProcessState> {
    const { containerId } = this;
    const found = await this.containerd.find(TasksService.get, { containerId, execId: '' });
    if (found?.process === undefined) return { kind: 'none' };
    const { pid, status, exitStatus } = found.process;
    if (status === Status.STOPPED) return { kind: 'stopped', pid, code: exitStatus };
    return { kind: status === Status.CREATED ? 'created' : 'running', pid };
  }

  /**
   * What runc refuses is the task's fault and final. The rest is containerd's: above all it may still be
   * busy ending a start that died with the process before us. That is tried again, for a while.
   */
  private startError(error: unknown, image: string): unknown {
    if (!isSwarmError(error) || error.code !== 'CONTAINERD_REFUSED' || error.kind === 'not-found')
      return error;
    this.busySince ??= this.clock.monotonic();
    const patience = this.busySince + BUSY_MS > this.clock.monotonic();
    if (isRefusedByRunc(error.message) || !patience)
      return startFailure(error.message, image, error);
    return new SwarmError(
      'aborted',
      'CONTAINERD_BUSY',
      `containerd cannot start the container now: ${error.message}; it is tried again`,
      { cause: error },
    );
  }

  private get ref() {
    return { containerId: this.containerId, execId: '' };
  }
}
