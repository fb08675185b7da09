import { fixtureTime } from '@swarmkit/sdk/testkit/fixtures';
import type { Backup } from '@swarmkit/sdk/model/backup-file';
import { NodeInfo } from '@swarmkit/sdk/wire/gen/node/node';
import type { Io, Output } from '../io.js';
import { run } from '../run.js';
import type { FakeCluster } from './fake-cluster.js';

/** One run of swarmctl in this process, on a clock of its own and against a manager in memory. */

export interface RunOptions {
  readonly env?: Readonly<Record<string, string>>;
  readonly isTerminal?: boolean;
  readonly columns?: number;
  /** By name; `-` is standard input. */
  readonly files?: Readonly<Record<string, string>>;
  /** What helpers keep, by helper and registry. */
  readonly credentials?: Readonly<
    Record<string, { readonly Username: string; readonly Secret: string }>
  >;
  /** What is typed when a secret is asked for. */
  readonly secret?: string;
  /** What the manager gives out for a backup. */
  readonly backup?: Backup;
  /** What is typed when something else is asked. */
  readonly answer?: string;
  /** Called whenever the program sleeps, with how long it has slept by then. Time goes on only here. */
  readonly asTimePasses?: (ms: number, interrupt: () => void) => void;
}

export interface Outcome {
  readonly code: number;
  readonly out: string;
  readonly err: string;
  /** Keys that nodes were unlocked with. */
  readonly unlocked: readonly string[];
  /** With what force the node was told to leave. */
  readonly left: readonly boolean[];
  /** Sockets that were connected to. */
  readonly sockets: readonly string[];
  /** How long it slept, ms. */
  readonly ms: number;
}

/** Longer than anything here takes: what waits for ever fails. */
const patienceMs = 600_000;

export async function runCtl(
  cluster: FakeCluster,
  argv: readonly string[],
  options: RunOptions = {},
): Promise<Outcome> {
  let ms = 0;
  const written = { out: '', err: '' };
  const sockets: string[] = [];
  const unlocked: string[] = [];
  const left: boolean[] = [];
  const listeners = new Set<() => void>();
  const output = (to: 'out' | 'err'): Output => ({
    write: (text) => {
      written[to] += text;
    },
    isTerminal: options.isTerminal === true,
    columns: () => options.columns ?? 80,
  });
  const io: Io = {
    env: options.env ?? {},
    stdout: output('out'),
    stderr: output('err'),
    now: () => fixtureTime + 60_000 + ms,
    monotonic: () => ms,
    sleep: async (forMs) => {
      ms += forMs;
      if (ms > patienceMs)
        throw new Error(`it still waits after ${patienceMs} ms:\n${written.err}`);
      options.asTimePasses?.(ms, () => {
        for (const listener of listeners) listener();
      });
    },
    onInterrupt: (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    connect: async (socket) => {
      sockets.push(socket);
      return cluster.control;
    },
    unlock: async (socket, key) => {
      sockets.push(socket);
      unlocked.push(key);
    },
    read: async (file) => {
      const text = options.files?.[file];
      if (text === undefined) throw new Error(`ENOENT: no such file, open '${file}'`);
      return Buffer.from(text);
    },
    node: async (socket) => {
      sockets.push(socket);
      return {
        info: async () =>
          NodeInfo.create({
            nodeId: 'n1',
            clusterId: 'c1',
            role: 'worker',
            certificateExpiresAt: BigInt(fixtureTime),
            managers: ['10.0.0.1:4242'],
          }),
        leave: async (force) => {
          left.push(force);
        },
      };
    },
    backup: async (socket) => {
      sockets.push(socket);
      if (options.backup === undefined) throw new Error('there is nothing to back up');
      return options.backup;
    },
    credentials: async (helper, server) => options.credentials?.[`${helper} ${server}`],
    secret: async () => options.secret ?? '',
    ask: async () => options.answer ?? '',
  };
  const code = await run(argv, io, '1.2.3');
  return { code, ...written, sockets, unlocked, left, ms };
}
