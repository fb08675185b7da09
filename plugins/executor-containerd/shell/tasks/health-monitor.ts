/**
 * Probes a running container by running the check's command in it, over and over until closed. What the
 * results mean is decided in core/health.ts. A probe that could not be run because containerd is away
 * says nothing about the container and is not counted.
 */
import type { Cancel, Env } from '@swarmkit/sdk/plugin/env';
import { isRetryable } from '@swarmkit/sdk/plugin/errors';
import { TasksService } from '@swarmkit/sdk/wire/gen/containerd/services/tasks/v1/tasks';
import {
  afterProbe,
  type Health,
  type HealthPlan,
  nextProbeMs,
  startingHealth,
} from '../../core/health.js';
import { type OciProcess } from '../../core/oci-types.js';
import { serializeSpec } from '../../core/oci-spec.js';
import { SIGKILL } from '../../core/signals.js';
import { cancelled } from '../abortable.js';
import type { ContainerdConnection } from '../containerd/connection.js';
import type { Limiter } from '../limiter.js';
import type { ExitWatch } from './exit-watch.js';

export interface HealthMonitorOptions {
  readonly containerd: ContainerdConnection;
  readonly exits: ExitWatch;
  readonly limiter: Limiter;
  readonly env: Env;
  readonly containerId: string;
  readonly plan: HealthPlan;
  /** The container's own process: a probe runs as the same user in the same environment. */
  readonly process: OciProcess;
  onChange(status: Health['status']): void;
}

const PROCESS_TYPE = 'types.containerd.io/opencontainers/runtime-spec/1/Process';

export class HealthMonitor {
  private readonly startedAt: number;
  private health: Health = startingHealth;
  private timer: Cancel | undefined;
  private readonly closing = new AbortController();
  /** Of the probe that runs. Not combined with `closing`: Node 20 would keep a trace of each probe there. */
  private late = new AbortController();

  constructor(private readonly options: HealthMonitorOptions) {
    this.startedAt = options.env.clock.monotonic();
    this.arm();
  }

  get status(): Health['status'] {
    return this.health.status;
  }

  close(): void {
    this.closing.abort();
    this.late.abort();
    this.timer?.();
  }

  private age(): number {
    return this.options.env.clock.monotonic() - this.startedAt;
  }

  private arm(): void {
    const { env, plan } = this.options;
    this.timer = env.clock.after(
      nextProbeMs(plan, this.health, this.age()),
      () => void this.turn(),
    );
  }

  private async turn(): Promise<void> {
    const begunAt = this.age();
    const passed = await this.probe();
    if (this.closing.signal.aborted) return;
    if (passed !== undefined) {
      const before = this.health.status;
      this.health = afterProbe(this.options.plan, this.health, passed, begunAt);
      if (this.health.status !== before) this.options.onChange(this.health.status);
    }
    this.arm();
  }

  /** Undefined when nothing was learned. */
  private async probe(): Promise<boolean | undefined> {
    try {
      return await this.options.limiter.run(() => this.runCheck(), this.closing.signal);
    } catch (error) {
      if (this.closing.signal.aborted || isRetryable(error)) return undefined;
      // The command is not there, or the container is ending.
      return false;
    }
  }

  private async runCheck(): Promise<boolean> {
    const { containerd, exits, env, containerId, plan, process } = this.options;
    const execId = `health-${env.id()}`;
    const ref = { containerId, execId };
    const { terminal: _terminal, ...quiet } = process;
    const value = Buffer.from(serializeSpec({ ...quiet, args: plan.command }));
    await containerd.unary(TasksService.exec, {
      ...ref,
      stdin: '',
      stdout: '',
      stderr: '',
      terminal: false,
      spec: { typeUrl: PROCESS_TYPE, value },
    });
    try {
      exits.expect(ref);
      await containerd.unary(TasksService.start, ref);
      exits.started(ref);
      return (await this.endsInTime(ref)) === 0;
    } finally {
      exits.forget(ref);
      await containerd.find(TasksService.deleteProcess, ref).catch(() => undefined);
    }
  }

  /** The exit code; undefined for a probe that took too long and was killed. */
  private async endsInTime(ref: {
    containerId: string;
    execId: string;
  }): Promise<number | undefined> {
    const { containerd, exits, env, plan } = this.options;
    const late = new AbortController();
    this.late = late;
    if (this.closing.signal.aborted) late.abort();
    const cancel = env.clock.after(plan.timeoutMs, () => late.abort());
    try {
      return await exits.wait(ref, late.signal);
    } catch (error) {
      await containerd
        .find(TasksService.kill, { ...ref, signal: SIGKILL, all: false })
        .catch(() => undefined);
      if (this.closing.signal.aborted) throw cancelled();
      if (!late.signal.aborted) throw error;
      // It must have ended before it can be deleted.
      await exits.wait(ref, this.closing.signal);
      return undefined;
    } finally {
      cancel();
    }
  }
}
