import { readFile } from 'node:fs/promises';
import { buffer } from 'node:stream/consumers';
import { setTimeout as wait } from 'node:timers/promises';
import type { ControlClient } from '@swarmkit/sdk/client/control';
import type { Backup } from '@swarmkit/sdk/model/backup-file';
import type { NodeInfo } from '@swarmkit/sdk/wire/gen/node/node';

/** What a run of the program touches of the outside. Tests bring their own. */
export interface Io {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly stdout: Output;
  readonly stderr: Output;
  /** Wall clock, ms. */
  now(): number;
  /** Monotonic clock, ms. */
  monotonic(): number;
  /** Resolves after `ms`, or at once when `signal` aborts. */
  sleep(ms: number, signal: AbortSignal): Promise<void>;
  /** Calls `listener` at the next Ctrl-C instead of ending the program; answers how to stop that. */
  onInterrupt(listener: () => void): () => void;
  /** Throws a sentence where there is nobody to talk to. */
  connect(socket: string): Promise<ControlClient>;
  /** Hands the unlock key to the locked node at the socket. */
  unlock(socket: string, key: string): Promise<void>;
  /** All of a file, or with `-` of standard input. */
  read(file: string): Promise<Buffer>;
  /** The node at the socket, worker or manager. */
  node(socket: string): Promise<NodeClient>;
  /** The state of the cluster, from the manager at the socket. */
  backup(socket: string): Promise<Backup>;
  /** What `docker-credential-<helper>` keeps for a registry; undefined where it has nothing. */
  credentials(
    helper: string,
    server: string,
  ): Promise<{ readonly Username: string; readonly Secret: string } | undefined>;
  /** One line that must not be shown. */
  secret(prompt: string): Promise<string>;
  /** One line that a person types; empty where nobody sits at a terminal. */
  ask(prompt: string): Promise<string>;
}

export interface NodeClient {
  info(): Promise<NodeInfo>;
  /** Resolves when its tasks are gone and it is about to end. */
  leave(force: boolean): Promise<void>;
}

export interface Output {
  write(text: string): void;
  readonly isTerminal: boolean;
  /** Of the terminal, now. */
  columns(): number;
}

const outputTo = (stream: NodeJS.WriteStream): Output => ({
  write: (text) => {
    stream.write(text);
  },
  isTerminal: stream.isTTY === true,
  columns: () => stream.columns || 80,
});

export const processIo = (): Io => ({
  env: process.env,
  stdout: outputTo(process.stdout),
  stderr: outputTo(process.stderr),
  now: Date.now,
  monotonic: () => performance.now(),
  sleep: (ms, signal) => wait(ms, undefined, { signal }).catch(() => undefined),
  onInterrupt: (listener) => {
    process.once('SIGINT', listener);
    return () => process.removeListener('SIGINT', listener);
  },
  // Loaded here, so that help and completion need not wait for a gRPC client.
  connect: async (socket) => (await import('./connect.js')).connect(socket),
  unlock: async (socket, key) => (await import('./connect.js')).unlock(socket, key),
  read: (file) => (file === '-' ? buffer(process.stdin) : readFile(file)),
  node: async (socket) => (await import('./connect.js')).nodeAt(socket),
  backup: async (socket) => (await import('./connect.js')).takeBackup(socket),
  credentials: async (helper, server) =>
    (await import('./credential-helper.js')).askHelper(helper, server),
  secret: async (prompt) => (await import('./secret.js')).readSecret(prompt),
  ask: async (prompt) => (await import('./secret.js')).readAnswer(prompt),
});
