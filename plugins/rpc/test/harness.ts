// A server in a temporary folder with everything a test needs to look at; `after` takes it all down.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { connectControlSocket } from '@swarmkit/sdk/client/connection';
import type { Identity } from '@swarmkit/sdk/contracts/identity';
import type { Authorizer } from '@swarmkit/sdk/contracts/authorizer';
import type { RpcClient, RpcConnection } from '@swarmkit/sdk/contracts/rpc';
import type { Clock } from '@swarmkit/sdk/plugin/env';
import { BehaviorSubject } from 'rxjs';
import type { Limits } from '../core/crowd.js';
import { Client } from '../shell/client.js';
import { Server } from '../shell/server.js';
import { makeIdentity, makeRoot, type Root } from './pki.js';

export const realClock: Clock = {
  now: Date.now,
  monotonic: () => performance.now(),
  after: (ms, run) => {
    const timer = setTimeout(run, ms);
    return () => clearTimeout(timer);
  },
};

export interface LogLine {
  readonly level: string;
  readonly fields: Readonly<Record<string, unknown>>;
  readonly message: string;
}

export const logInto = (lines: LogLine[]) => {
  const at =
    (level: string) =>
    (...args: readonly unknown[]) => {
      const fields = typeof args[0] === 'object' ? (args[0] as LogLine['fields']) : {};
      lines.push({ level, fields, message: String(args.at(-1)) });
    };
  return { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') };
};

/** Certificates are made once a process: every test file needs the same few. */
let shared: Promise<{ root: Root; identity: Identity }> | undefined;
export const sharedPki = () => {
  shared ??= makeRoot().then(async (root) => ({ root, identity: await makeIdentity(root) }));
  return shared;
};

export const tempDir = (t: TestContext): string => {
  const dir = mkdtempSync(join(tmpdir(), 'swarmkit-rpc-'));
  t.after(() => rmSync(dir, { recursive: true, force: true }));
  return dir;
};

export interface Running {
  readonly server: Server;
  readonly identity: Identity;
  readonly root: Root;
  readonly socket: string;
  readonly logged: LogLine[];
  readonly faults: { where: string; error: unknown }[];
  /** On the control socket. */
  readonly connection: RpcConnection;
  /** `127.0.0.1:port`; empty without a remote port. */
  readonly remote: string;
}

export async function startServer(
  t: TestContext,
  options: {
    readonly remote?: boolean;
    readonly authorizers?: readonly Authorizer[];
    readonly limits?: Partial<Limits>;
  } = {},
): Promise<Running> {
  const { root, identity } = await sharedPki();
  const socket = join(tempDir(t), 'control.sock');
  const logged: LogLine[] = [];
  const faults: Running['faults'] = [];
  const server = new Server({
    limits: options.limits,
    clock: realClock,
    log: logInto(logged),
    fault: (where, error) => faults.push({ where, error }),
  });
  t.after(() => server.stop());
  await server.listen({
    controlSocket: socket,
    remoteAddress: options.remote ? '127.0.0.1:0' : undefined,
    identity,
    authorizers: options.authorizers ?? [],
  });
  const connection = connectControlSocket(socket);
  t.after(() => connection.close());
  const remote = server.endpoints()[1]?.address ?? '';
  return { server, identity, root, socket, logged, faults, connection, remote };
}

/** Connects as the node that this identity names. */
export function clientOf(identity: Identity): RpcClient {
  const identity$ = new BehaviorSubject(identity);
  return new Client({ current: () => identity$.value, identity$ }, Date.now);
}

/** Waits for a fact; fails when it has not come true in time. */
export async function until(fact: () => boolean, what: string, limitMs = 5_000): Promise<void> {
  const end = performance.now() + limitMs;
  while (!fact()) {
    if (performance.now() > end) throw new Error(`not within ${limitMs} ms: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

export const collect = async <T>(source: AsyncIterable<T>): Promise<T[]> => {
  const items: T[] = [];
  for await (const item of source) items.push(item);
  return items;
};
