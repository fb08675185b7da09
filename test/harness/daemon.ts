import { type ChildProcess, spawn } from 'node:child_process';
import { createConnection } from 'node:net';
import path from 'node:path';
import { root } from '../house/source-files.js';
import type { Cleanup } from './cleanup.js';
import type { LanHost } from './lan.js';
import { until } from './until.js';

/** One swarmd process under test: started, killed and started again on the same folder. */

export const swarmdPath = path.join(root, 'apps/swarmd/dist/main.js');
/** The same out of one file, as it is installed: there after `npm run build`. */
export const bundledSwarmdPath = path.join(root, 'apps/swarmd/dist/swarmd.js');
export const swarmctlPath = path.join(root, 'apps/swarmctl/dist/main.js');

export interface DaemonOptions {
  readonly stateDir: string;
  readonly executor: 'containerd' | 'docker' | 'process';
  /** Control socket; default: in the state folder. */
  readonly socket?: string;
  /** Default: a free port of the loopback. */
  readonly remoteAddr?: string;
  readonly containerdAddr?: string;
  readonly engineAddr?: string;
  readonly args?: readonly string[];
  /** Default: the one of many modules, which is there after every build. */
  readonly program?: string;
  /** Where it runs; default: here. */
  readonly host?: LanHost;
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
    this.socket = options.socket ?? path.join(options.stateDir, 'swarmd.sock');
    cleanup.add('swarmd', () => this.kill());
  }

  /** Everything it printed, all starts together. */
  get output(): string {
    return this.text;
  }

  /** What it said since `from` (a length of `output`), one text a line: log messages and plain lines. */
  said(from = 0): readonly string[] {
    return this.text.slice(from).split('\n').filter(Boolean).map(messageOfLine);
  }

  get pid(): number {
    return this.child?.pid ?? 0;
  }

  get stateDir(): string {
    return this.options.stateDir;
  }

  /** The command line, as words after `node`. */
  get words(): readonly string[] {
    const { stateDir, remoteAddr = '127.0.0.1:0', executor, args = [] } = this.options;
    const { containerdAddr, engineAddr } = this.options;
    return [
      this.options.program ?? swarmdPath,
      ...['-d', stateDir],
      ...['--listen-control-api', this.socket],
      ...['--listen-remote-api', remoteAddr],
      ...['--executor', executor],
      ...(containerdAddr ? ['--containerd-addr', containerdAddr] : []),
      ...(engineAddr ? ['--engine-addr', engineAddr] : []),
      ...args,
    ];
  }

  /** Starts the process; does not wait for it to serve. */
  spawn(): void {
    const [command = '', ...words] = [
      ...(this.options.host?.enter ?? []),
      process.execPath,
      ...this.words,
    ];
    const child = spawn(command, words, { stdio: ['ignore', 'pipe', 'pipe'] });
    const keep = (bytes: Buffer): void => {
      this.text += bytes.toString();
    };
    child.stdout.on('data', keep);
    child.stderr.on('data', keep);
    this.exited = new Promise((resolve) =>
      // After `close` everything that it printed is here.
      child.on('close', (code, signal) => resolve(code ?? signal ?? 'unknown')),
    );
    this.child = child;
  }

  /** Starts it and waits until its control socket answers; a dead daemon's socket file does not count. */
  async start(deadlineMs = 60_000): Promise<void> {
    this.spawn();
    const { child } = this;
    const found = await until(
      'swarmd opens its control socket',
      async () => {
        if (child?.exitCode !== null || child.signalCode !== null) return 'ended';
        return (await accepts(this.socket)) && 'open';
      },
      deadlineMs,
    );
    if (found === 'ended') throw new Error(`swarmd ended:\n${this.text.slice(-5_000)}`);
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

/** Whether a process listens on the socket. */
const accepts = (socket: string): Promise<boolean> =>
  new Promise((resolve) => {
    const probe = createConnection(socket);
    probe.once('connect', () => resolve(true));
    probe.once('error', () => resolve(false));
    probe.once('connect', () => probe.destroy());
  });

function messageOfLine(line: string): string {
  try {
    return String((JSON.parse(line) as { readonly msg?: unknown }).msg ?? line);
  } catch {
    return line;
  }
}
