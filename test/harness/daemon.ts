import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import path from 'node:path';
import { root } from '../house/source-files.js';
import type { Cleanup } from './cleanup.js';
import { until } from './until.js';

/** One swarmd process under test: started, killed and started again on the same folder. */

export const swarmdPath = path.join(root, 'apps/swarmd/dist/main.js');
export const swarmctlPath = path.join(root, 'apps/swarmctl/dist/main.js');

export interface DaemonOptions {
  readonly stateDir: string;
  readonly executor: 'containerd' | 'docker' | 'process';
  readonly containerdAddr?: string;
  readonly engineAddr?: string;
  readonly args?: readonly string[];
}

export class Daemon {
  readonly socket: string;
  private child: ChildProcess | undefined;
  private text = '';
  private exited: Promise<number | string> | undefined;

  constructor(
    private readonly options: DaemonOptions,
    cleanup: Cleanup,
  ) {
    this.socket = path.join(options.stateDir, 'swarmd.sock');
    cleanup.add('swarmd', () => this.kill());
  }

  /** Everything it printed, all starts together. */
  get output(): string {
    return this.text;
  }

  get pid(): number {
    return this.child?.pid ?? 0;
  }

  /** Starts the process; does not wait for it to serve. */
  spawn(): void {
    const { stateDir, executor, containerdAddr, engineAddr, args = [] } = this.options;
    const child = spawn(
      process.execPath,
      [
        swarmdPath,
        '-d',
        stateDir,
        '--listen-control-api',
        this.socket,
        '--listen-remote-api',
        '127.0.0.1:0',
        '--executor',
        executor,
        ...(containerdAddr ? ['--containerd-addr', containerdAddr] : []),
        ...(engineAddr ? ['--engine-addr', engineAddr] : []),
        ...args,
      ],
      { stdio: ['ignore', 'pipe', 'pipe'] },
    );
    const keep = (bytes: Buffer): void => {
      this.text = (this.text + bytes.toString()).slice(-400_000);
    };
    child.stdout.on('data', keep);
    child.stderr.on('data', keep);
    this.exited = new Promise((resolve) =>
      child.on('exit', (code, signal) => resolve(code ?? signal ?? 'unknown')),
    );
    this.child = child;
  }

  /** Starts it and waits until its control socket is there. */
  async start(deadlineMs = 30_000): Promise<void> {
    this.spawn();
    await until(
      'swarmd opens its control socket',
      () => {
        if (this.child?.exitCode !== null) throw new Error(`swarmd ended:\n${this.text}`);
        return existsSync(this.socket);
      },
      deadlineMs,
    );
  }

  /** Exit code or signal name. */
  async ended(): Promise<number | string> {
    return (await this.exited) ?? 'not started';
  }

  /** SIGKILL, as a crash. */
  async kill(): Promise<void> {
    this.child?.kill('SIGKILL');
    await this.exited;
    this.child = undefined;
  }

  /** SIGTERM, as an operator. */
  async stop(): Promise<number | string> {
    this.child?.kill('SIGTERM');
    const code = await this.ended();
    this.child = undefined;
    return code;
  }
}
