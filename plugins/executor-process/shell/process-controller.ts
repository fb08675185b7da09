import { spawn } from 'node:child_process';
import { accessSync, constants, type FSWatcher, statSync, watch } from 'node:fs';
import path from 'node:path';
import type { Dependencies, Exit, TaskController } from '@swarmkit/sdk/contracts/executor';
import type { TaskLogs } from '@swarmkit/sdk/contracts/log-sink';
import type { DependencyFiles } from '@swarmkit/sdk/executor/dependency-files';
import { type Clock, delay } from '@swarmkit/sdk/plugin/env';
import { messageOf, SwarmError } from '@swarmkit/sdk/plugin/errors';
import type { Task } from '@swarmkit/sdk/wire/gen/swarmkit/objects';
import { ContainerStatus, type PortStatus } from '@swarmkit/sdk/wire/gen/swarmkit/types';
import { filesVariable, type ProcessSpec } from '../core/process-spec.js';
import { supervisorScript } from '../core/supervisor-script.js';
import { makeCgroups, processesIn, processesMarked, removeCgroups } from './cgroups.js';
import { dependencyTree } from './dependency-tree.js';
import { OutputPump, openReadEnds } from './output-pump.js';
import { TaskFolder } from './task-folder.js';
import { userIds } from './user-ids.js';

export interface ProcessControllerOptions {
  readonly dir: string;
  readonly files: DependencyFiles;
  readonly dependencies: Dependencies;
  readonly clock: Clock;
  readonly logs: TaskLogs;
  onExit(taskId: string): void;
  onClose(): void;
}

/** How often a task whose supervisor is no child of ours is looked at, beside being told by the folder. */
const lookMs = 500;
/** How long a supervisor may take to write an exit code. */
const writeDownMs = 10_000;
/** What a process that was killed with everything around it gets as its code. */
const killedCode = 137;

/** One task as a process of its own session below a supervisor that outlives us. */
export class ProcessController implements TaskController {
  private readonly folder: TaskFolder;
  private pump: OutputPump | undefined;
  private killed = false;
  private announced = false;

  constructor(
    private readonly task: Task,
    private readonly spec: ProcessSpec,
    private readonly options: ProcessControllerOptions,
  ) {
    this.folder = new TaskFolder(options.dir, task.id);
  }

  async update(): Promise<void> {
    // Nothing of an assigned task that may change concerns a process.
  }

  async prepare(signal: AbortSignal): Promise<'done' | 'already'> {
    signal.throwIfAborted();
    if (!this.folder.started) await this.writeFiles();
    try {
      return (await this.folder.prepare()) ? 'done' : 'already';
    } catch (cause) {
      throw new SwarmError(
        'unavailable',
        'PROCESS_FOLDER',
        `the folder of task ${this.task.id} cannot be made: ${messageOf(cause)}`,
        { cause },
      );
    }
  }

  async start(signal: AbortSignal): Promise<'done' | 'already'> {
    signal.throwIfAborted();
    const before = this.folder.started;
    const program = before ? '' : findProgram(this.spec);
    const ends = before ? undefined : await openReadEnds(this.folder);
    // Again: the machine may have been restarted since they were made.
    if (!before) this.launch(program, await this.writeFiles());
    // Also one that was started before a crash of ours may still be on its way.
    await this.untilFact(
      () => this.folder.pid !== 0 || this.folder.exitCode !== undefined,
      signal,
      5_000,
    );
    if (ends !== undefined) this.pump = new OutputPump(this.options.logs.open(this.task.id), ends);
    else await this.listen();
    return before ? 'already' : 'done';
  }

  async wait(signal: AbortSignal): Promise<Exit> {
    await this.listen();
    const ended = (): boolean => this.folder.exitCode !== undefined || !this.supervised();
    await this.untilFact(ended, signal);
    await this.endAsWhole(signal);
    await this.pump?.drained;
    await this.pump?.close();
    if (!this.announced) {
      this.announced = true;
      this.options.onExit(this.task.id);
    }
    const code = this.exitCode();
    return this.folder.exitCode === undefined && !this.killed
      ? { code, reason: 'its supervisor was killed' }
      : { code };
  }

  /**
   * A container ends with its first process. What that left here would hold the output open, and the task would
   * never end. The supervisor is among them, and has first to write down how the process ended.
   */
  private async endAsWhole(signal: AbortSignal): Promise<void> {
    const { clock } = this.options;
    const end = clock.monotonic() + writeDownMs;
    const written = (): boolean =>
      this.killed ||
      this.folder.exitCode !== undefined ||
      this.processes().length === 0 ||
      clock.monotonic() >= end;
    await this.untilFact(written, signal, undefined, 20);
    this.killLeftOvers();
  }

  async shutdown(signal: AbortSignal): Promise<void> {
    if (!this.supervised()) return;
    this.send(this.spec.stopSignal);
    const { clock } = this.options;
    const end = clock.monotonic() + this.spec.stopGraceMs;
    await this.untilFact(
      () => !this.supervised() || clock.monotonic() >= end,
      signal,
      undefined,
      this.spec.stopGraceMs,
    );
    if (this.supervised()) await this.terminate(signal);
  }

  async terminate(signal: AbortSignal): Promise<void> {
    if (!this.supervised()) return;
    this.killed = true;
    this.send('SIGKILL');
    await this.untilFact(() => !this.supervised(), signal, 10_000);
    this.killLeftOvers();
  }

  async remove(signal: AbortSignal): Promise<void> {
    await this.terminate(signal);
    this.killLeftOvers();
    await this.untilFact(() => this.processes().length === 0, signal, 5_000, 20);
    removeCgroups(this.task.id);
    await this.pump?.close();
    this.pump = undefined;
    await this.options.files.remove(this.task.id);
    await this.folder.remove();
    await this.options.logs.drop(this.task.id);
  }

  async containerStatus(): Promise<ContainerStatus | undefined> {
    if (!this.folder.started) return undefined;
    const ended = !this.supervised();
    return ContainerStatus.create({
      containerId: `process-${this.task.id}`,
      pid: this.folder.pid,
      exitCode: ended ? this.exitCode() : 0,
    });
  }

  async portStatus(): Promise<PortStatus | undefined> {
    return undefined;
  }

  close(): void {
    void this.pump?.close();
    this.pump = undefined;
    this.options.onClose();
  }

  /** Answers where they are. */
  private async writeFiles(): Promise<string | undefined> {
    const { files, dependencies } = this.options;
    const runtime = this.task.spec?.runtime;
    return runtime?.$case === 'container'
      ? dependencyTree(files, this.task.id, runtime.value, dependencies)
      : undefined;
  }

  private launch(program: string, files: string | undefined): void {
    const { argv, env, dir, user } = this.spec;
    let groups: readonly string[];
    try {
      groups = makeCgroups(this.task.id, this.spec);
    } catch (cause) {
      throw new SwarmError(
        'failed-precondition',
        'PROCESS_LIMIT',
        `the limits of the task cannot be set: ${messageOf(cause)}`,
        { cause },
      );
    }
    const supervisor = spawn(
      'sh',
      ['-c', supervisorScript, 'supervisor', this.folder.path, program, ...argv.slice(1)],
      {
        detached: true,
        stdio: 'ignore',
        cwd: '/',
        env: {
          ...env,
          ...(files !== undefined && { [filesVariable]: files }),
          SWARMKIT_DIR: dir,
          SWARMKIT_CGROUPS: groups.join(' '),
        },
        ...userIds(user, this.folder),
      },
    );
    // A supervisor that cannot even be started shows as a task that never gets a process.
    supervisor.on('error', () => undefined);
    supervisor.unref();
  }

  /** Started and not ended. Without an exit code the process itself is asked. */
  private supervised(): boolean {
    return (
      this.folder.started &&
      this.folder.exitCode === undefined &&
      (this.folder.pid === 0 || this.folder.alive)
    );
  }

  private exitCode(): number {
    return this.folder.exitCode ?? killedCode;
  }

  private send(name: string): void {
    const { pid } = this.folder;
    if (pid === 0 || !this.folder.alive) return;
    const signal = /^\d+$/.test(name) ? Number(name) : (name as NodeJS.Signals);
    try {
      process.kill(pid, signal);
    } catch (cause) {
      if ((cause as NodeJS.ErrnoException).code === 'ESRCH') return;
      throw new SwarmError(
        'invalid-argument',
        'PROCESS_SIGNAL',
        `the process cannot be sent ${name}: ${messageOf(cause)}`,
        { cause },
      );
    }
  }

  /** All that there are of the task, its supervisor too. */
  private processes(): readonly number[] {
    return [...processesIn(this.task.id), ...processesMarked(this.task.id)];
  }

  /** Children that outlived the task's process. */
  private killLeftOvers(): void {
    for (const pid of this.processes())
      try {
        process.kill(pid, 'SIGKILL');
      } catch {
        // It ended by itself.
      }
  }

  private async listen(): Promise<void> {
    if (this.pump !== undefined || this.folder.exitCode !== undefined) return;
    const ends = await openReadEnds(this.folder);
    this.pump = new OutputPump(this.options.logs.open(this.task.id), ends);
  }

  /** Waits for a fact about the folder: told by the kernel, and looked at now and then all the same. */
  private async untilFact(
    fact: () => boolean,
    signal: AbortSignal,
    limitMs?: number,
    wakeMs = lookMs,
  ): Promise<void> {
    const { clock } = this.options;
    const end = limitMs === undefined ? undefined : clock.monotonic() + limitMs;
    const news = new AbortController();
    let wake = new AbortController();
    let watcher: FSWatcher | undefined;
    try {
      watcher = watch(this.folder.path, { signal: news.signal }, () => wake.abort());
      watcher.on('error', () => undefined);
    } catch {
      // The folder is gone: the look below finds out what that means.
    }
    const onAbort = (): void => wake.abort();
    signal.addEventListener('abort', onAbort);
    try {
      while (!fact()) {
        signal.throwIfAborted();
        if (end !== undefined && clock.monotonic() > end)
          throw new SwarmError(
            'internal',
            'PROCESS_STUCK',
            `the process of task ${this.task.id} did not get where it should within ${limitMs} ms`,
          );
        await delay(clock, Math.min(lookMs, wakeMs), wake.signal);
        wake = new AbortController();
      }
    } finally {
      signal.removeEventListener('abort', onAbort);
      news.abort();
      watcher?.close();
    }
  }
}

/** Where the program is, so that a wrong name is refused with its name and not with a shell's words. */
function findProgram({ argv, env, dir }: ProcessSpec): string {
  const name = argv[0] ?? '';
  const candidates = name.includes('/')
    ? [path.resolve(dir, name)]
    : (env.PATH ?? '').split(':').map((folder) => path.join(folder, name));
  for (const candidate of candidates)
    try {
      accessSync(candidate, constants.X_OK);
      if (statSync(candidate).isFile()) return candidate;
    } catch {
      // The next one.
    }
  throw new SwarmError(
    'not-found',
    'PROCESS_NO_PROGRAM',
    `exec: "${name}": executable file not found${name.includes('/') ? '' : ' in $PATH'}`,
  );
}
