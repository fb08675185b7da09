/**
 * One task as a containerd container: the verbs that the agent drives it by. Each verb looks at what is
 * there and does the rest, so that it may be called again after a crash anywhere in it, or by another
 * process that adopts the task.
 */
import type { Dependencies, Exit, TaskController } from '@swarmkit/sdk/contracts/executor';
import type { TaskLogs } from '@swarmkit/sdk/contracts/log-sink';
import { type DependencyFiles, hasDependencies } from '@swarmkit/sdk/executor/dependency-files';
import { durationToMs } from '@swarmkit/sdk/model/time';
import type { Env } from '@swarmkit/sdk/plugin/env';
import { isSwarmError, SwarmError } from '@swarmkit/sdk/plugin/errors';
import type { Mount } from '@swarmkit/sdk/wire/gen/containerd/types/mount';
import type { Task } from '@swarmkit/sdk/wire/gen/swarmkit/objects';
import type { ContainerSpec } from '@swarmkit/sdk/wire/gen/swarmkit/specs';
import type { ContainerStatus, PortStatus } from '@swarmkit/sdk/wire/gen/swarmkit/types';
import type { ContainerRecord } from '../../core/container-record.js';
import type { Health } from '../../core/health.js';
import type { HostFacts } from '../../core/host-facts.js';
import { networkMode } from '../../core/network-mode.js';
import { CGROUP_PARENT } from '../../core/oci-spec.js';
import { refuseUnsupported } from '../../core/refusals.js';
import { SIGKILL } from '../../core/signals.js';
import { abortable, throwIfAborted } from '../abortable.js';
import type { ContainerdConnection } from '../containerd/connection.js';
import { isKind } from '../containerd/status.js';
import { wasOutOfMemory } from '../host.js';
import type { ImageStore, LocalImage } from '../images/image-store.js';
import type { Limiter } from '../limiter.js';
import { ContainerProcess } from './container-process.js';
import type { Containers } from './containers.js';
import type { ExitWatch } from './exit-watch.js';
import type { FifoPool } from './fifo-pool.js';
import { HealthMonitor } from './health-monitor.js';
import type { TaskFolder } from './task-folder.js';
import { TaskOutput } from './task-output.js';

/** What all controllers of an executor share. */
export interface ControllerServices {
  readonly containerd: ContainerdConnection;
  readonly images: ImageStore;
  readonly containers: Containers;
  readonly exits: ExitWatch;
  readonly fifos: FifoPool;
  readonly files: DependencyFiles;
  readonly logs: TaskLogs;
  readonly env: Env;
  readonly host: HostFacts;
  /** Starting, stopping and probing each take runc processes; more at once only makes each slower. */
  readonly starting: Limiter;
  readonly stopping: Limiter;
  readonly probing: Limiter;
  onHealth(taskId: string, status: Health['status']): void;
  onClose(): void;
}

const DEFAULT_GRACE_MS = 10_000;
/** After the end, for the shim to hand over what was written last. */
const DRAIN_MS = 2_000;
const UNHEALTHY = 'unhealthy container';

export class ContainerdController implements TaskController {
  private readonly process: ContainerProcess;
  private readonly output: TaskOutput;
  private readonly closing = new AbortController();
  private record: ContainerRecord | undefined;
  private mounts: readonly Mount[] | undefined;
  private monitor: HealthMonitor | undefined;
  /** Wakes whoever waits for a change of health. */
  private healthChanged: (() => void) | undefined;

  constructor(
    private task: Task,
    private readonly spec: ContainerSpec,
    private readonly folder: TaskFolder,
    private readonly dependencies: Dependencies,
    private readonly services: ControllerServices,
  ) {
    const { containerd, exits, env, logs } = services;
    this.process = new ContainerProcess(containerd, exits, env.clock, task.id);
    this.output = new TaskOutput(folder.dir, task.id, logs, spec.tty);
  }

  async update(task: Task): Promise<void> {
    this.open();
    this.task = task;
  }

  async prepare(signal: AbortSignal): Promise<'done' | 'already'> {
    this.open(signal);
    const { containers, images } = this.services;
    this.record = await containers.load(this.task.id);
    if (this.record !== undefined) {
      this.mounts = await containers.mounts(this.task.id);
      if (this.mounts !== undefined) return 'already';
      // A crash came between the record and the snapshot: the whole is made anew.
      await containers.remove(this.task.id);
    }
    refuseUnsupported(this.spec);
    networkMode(this.task);
    try {
      await this.make(await this.image(signal));
    } catch (error) {
      if (
        !isKind(error, 'not-found') ||
        !isSwarmError(error) ||
        error.code !== 'CONTAINERD_REFUSED'
      )
        throw error;
      // The snapshot that was remembered for the image is gone: somebody cleaned up.
      images.forget();
      await containers.remove(this.task.id);
      await this.make(await this.image(signal));
    }
    this.process.assumeNone();
    return 'done';
  }

  async start(signal: AbortSignal): Promise<'done' | 'already'> {
    this.open(signal);
    const state = await this.process.state();
    const before = state.kind === 'running' || state.kind === 'stopped';
    if (before) this.output.attach();
    else await this.services.starting.run(() => this.launch(state.kind), signal);
    await this.untilHealthy(signal);
    return before ? 'already' : 'done';
  }

  async wait(signal: AbortSignal): Promise<Exit> {
    this.open(signal);
    this.output.attach();
    await this.watchHealth();
    const ended = this.end(signal);
    const ill = await this.unhealthyBefore(ended, signal);
    if (ill) await this.stop(signal);
    const code = await ended;
    const reason = ill ? UNHEALTHY : this.reasonFor(code);
    await this.finishOutput();
    return reason === undefined ? { code } : { code, reason };
  }

  async shutdown(signal: AbortSignal): Promise<void> {
    this.open(signal);
    await this.stop(signal);
    await this.finishOutput();
  }

  async terminate(signal: AbortSignal): Promise<void> {
    this.open(signal);
    await this.process.stop(SIGKILL, 0, signal);
    await this.finishOutput();
  }

  async remove(signal: AbortSignal): Promise<void> {
    this.open(signal);
    this.monitor?.close();
    const { stopping, containers, logs } = this.services;
    await stopping.run(async () => {
      await this.process.delete(signal);
      await containers.remove(this.task.id);
    }, signal);
    await this.output.detach();
    await this.folder.remove();
    await this.services.files.remove(this.task.id);
    await logs.drop(this.task.id);
    this.record = undefined;
    this.mounts = undefined;
  }

  async containerStatus(): Promise<ContainerStatus | undefined> {
    const state = await this.process.state();
    const containerId = this.task.id;
    if (state.kind === 'none') {
      this.record ??= await this.services.containers.load(containerId);
      return this.record === undefined ? undefined : { containerId, pid: 0, exitCode: 0 };
    }
    return { containerId, pid: state.pid, exitCode: state.kind === 'stopped' ? state.code : 0 };
  }

  /** Nothing is published by this executor: a task has the machine's network or none. */
  async portStatus(): Promise<PortStatus | undefined> {
    return undefined;
  }

  close(): void {
    this.closing.abort();
    this.monitor?.close();
    void this.output.detach();
    this.services.exits.forget({ containerId: this.task.id, execId: '' });
    this.services.onClose();
  }

  private open(signal?: AbortSignal): void {
    if (this.closing.signal.aborted)
      throw new SwarmError('cancelled', 'CONTAINERD_CLOSED', 'exec: controller closed');
    if (signal !== undefined) throwIfAborted(signal);
  }

  private image(signal: AbortSignal): Promise<LocalImage> {
    const auth = this.spec.pullOptions?.registryAuth ?? '';
    return this.services.images.ensure(this.spec.image, auth, signal);
  }

  private async make(image: LocalImage): Promise<void> {
    const { containers, files } = this.services;
    const mounted = await files.write(this.task.id, this.spec, this.dependencies);
    const made = await containers.create(this.task, this.spec, image, this.folder, mounted);
    this.record = made.record;
    this.mounts = made.mounts;
  }

  private async launch(state: 'none' | 'created'): Promise<void> {
    const { containers, fifos } = this.services;
    if (state === 'none') {
      // The machine may have been restarted since they were written.
      if (hasDependencies(this.spec))
        await this.services.files.write(this.task.id, this.spec, this.dependencies);
      this.mounts ??= await containers.mounts(this.task.id);
      await this.output.create(fifos);
      const stdio = { ...this.output.paths, terminal: this.spec.tty };
      try {
        await this.process.create(this.mounts ?? [], stdio, this.spec.image);
      } catch (error) {
        await this.output.detach();
        throw error;
      }
    }
    this.output.attach();
    try {
      await this.process.start(this.spec.image);
    } catch (error) {
      await this.finishOutput();
      throw error;
    }
  }

  private async stop(signal: AbortSignal): Promise<void> {
    const state = await this.process.state();
    if (state.kind === 'none' || state.kind === 'stopped') return;
    // A container that waits to write could not act on the signal.
    this.output.attach();
    this.monitor?.close();
    const { stopSignal } = await this.loaded();
    const graceMs = durationToMs(this.spec.stopGracePeriod) ?? DEFAULT_GRACE_MS;
    await this.process.stop(stopSignal, graceMs, signal);
  }

  private async loaded(): Promise<ContainerRecord> {
    this.record ??= await this.services.containers.load(this.task.id);
    if (this.record !== undefined) return this.record;
    throw new SwarmError(
      'not-found',
      'CONTAINERD_DESTROYED',
      'container destroyed: it was removed from containerd by something else than swarmkit',
    );
  }

  /** Starts the monitor where there is a check and none runs yet. */
  private async watchHealth(): Promise<void> {
    const { process, health } = await this.loaded();
    if (health === undefined || this.monitor !== undefined) return;
    const { containerd, exits, env, probing, onHealth } = this.services;
    this.monitor = new HealthMonitor({
      containerd,
      exits,
      env,
      limiter: probing,
      containerId: this.task.id,
      plan: health,
      process,
      onChange: (status) => {
        onHealth(this.task.id, status);
        this.healthChanged?.();
      },
    });
  }

  private async end(signal: AbortSignal): Promise<number> {
    const code = await this.process.wait(AbortSignal.any([signal, this.closing.signal]));
    this.monitor?.close();
    return code;
  }

  /** Resolves when it is healthy or has ended; an unhealthy one is stopped and is an error. */
  private async untilHealthy(signal: AbortSignal): Promise<void> {
    await this.watchHealth();
    const monitor = this.monitor;
    if (monitor === undefined) return;
    let ended = false;
    const end = this.end(signal).finally(() => {
      ended = true;
    });
    end.catch(() => {});
    while (monitor.status === 'starting' && !ended)
      await abortable(Promise.race([end, this.nextHealth()]), signal);
    if (monitor.status !== 'unhealthy') return;
    await this.stop(signal);
    throw new SwarmError('failed-precondition', 'CONTAINERD_UNHEALTHY', UNHEALTHY);
  }

  /** True when the container falls ill before it ends. */
  private async unhealthyBefore(ended: Promise<number>, signal: AbortSignal): Promise<boolean> {
    const monitor = this.monitor;
    if (monitor === undefined) return false;
    let over = false;
    const end = ended.finally(() => {
      over = true;
    });
    while (monitor.status !== 'unhealthy') {
      await abortable(Promise.race([end, this.nextHealth()]), signal);
      if (over) return false;
    }
    return true;
  }

  private nextHealth(): Promise<void> {
    return new Promise((resolve) => {
      this.healthChanged = resolve;
    });
  }

  private reasonFor(code: number): string | undefined {
    const killed = code === 128 + SIGKILL;
    const cgroup = `/${CGROUP_PARENT}/${this.task.id}`;
    return killed && wasOutOfMemory(cgroup, this.services.host.cgroupVersion)
      ? 'out of memory'
      : undefined;
  }

  private async finishOutput(): Promise<void> {
    const late = new AbortController();
    const cancel = this.services.env.clock.after(DRAIN_MS, () => late.abort());
    await abortable(this.output.drained(), late.signal).catch(() => {});
    cancel();
    await this.output.detach();
  }
}
