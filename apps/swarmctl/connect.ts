import { statSync } from 'node:fs';
import { type ControlClient, connectControl } from '@swarmkit/sdk/client/control';
import { connectControlSocket } from '@swarmkit/sdk/client/connection';
import type { CallOptions, RpcConnection } from '@swarmkit/sdk/contracts/rpc';
import { isSwarmError, messageOf, SwarmError } from '@swarmkit/sdk/plugin/errors';
import { BackupService, TakeBackupRequest } from '@swarmkit/sdk/wire/gen/node/backup';
import { LockService } from '@swarmkit/sdk/wire/gen/node/lock';
import { NodeService } from '@swarmkit/sdk/wire/gen/node/node';
import type { Backup } from '@swarmkit/sdk/model/backup-file';
import type { NodeClient } from './io.js';

/**
 * The control client with refusals that say what to do. Every call has a deadline: a manager that hangs
 * must not hang whoever asks it.
 */

const patienceMs = 60_000;
/** A node ends its tasks first, and gives up after a minute by itself. */
const leaveMs = 120_000;
/** Some hundred megabytes, over a slow disk. */
const backupMs = 600_000;
const hint = 'start swarmd, or name its socket with --socket or SWARM_SOCKET';

/** `callMs`: how long a call may take that says nothing itself. */
export function connect(socket: string, callMs = patienceMs): ControlClient {
  checkSocket(socket);
  return withAdvice(connectControl(socket), socket, callMs);
}

/** A node that is locked serves this and nothing else. */
export async function unlock(socket: string, key: string): Promise<void> {
  await once(socket, async (connection) => {
    try {
      await connection.unary(LockService.unlock, { key }, { timeoutMs: patienceMs });
    } catch (error) {
      // Only managers can be locked, and a node that runs as a worker does not know the call.
      if (isSwarmError(error) && error.kind === 'unimplemented') throw notLocked(error);
      throw error;
    }
  });
}

export const nodeAt = (socket: string): NodeClient => ({
  info: () =>
    once(socket, (connection) => connection.unary(NodeService.info, {}, { timeoutMs: patienceMs })),
  leave: (force) =>
    once(socket, async (connection) => {
      await connection.unary(NodeService.leave, { force }, { timeoutMs: leaveMs });
    }),
});

export const takeBackup = (socket: string): Promise<Backup> =>
  once(socket, async (connection) => {
    let head: Backup['head'] | undefined;
    const slices: Uint8Array[] = [];
    const request = TakeBackupRequest.create();
    const parts = connection.serverStream(BackupService.take, request, { timeoutMs: backupMs });
    try {
      for await (const { part } of parts) {
        if (part?.$case === 'head') head = part.value;
        if (part?.$case === 'store') slices.push(part.value);
      }
    } catch (error) {
      if (isSwarmError(error) && error.kind === 'unimplemented') throw noManager(error);
      throw error;
    }
    if (head === undefined) throw noManager(undefined);
    return { head, store: Buffer.concat(slices) };
  });

/** A connection for one call. */
async function once<T>(
  socket: string,
  call: (connection: RpcConnection) => Promise<T>,
): Promise<T> {
  checkSocket(socket);
  const connection = connectControlSocket(socket);
  try {
    return await call(connection);
  } catch (error) {
    throw advised(error, socket);
  } finally {
    connection.close();
  }
}

const noManager = (cause: unknown): SwarmError =>
  new SwarmError(
    'failed-precondition',
    'CTL_NO_MANAGER',
    'this node is a worker and has nothing to back up: ask a manager',
    { cause },
  );

const notLocked = (cause: unknown): SwarmError =>
  new SwarmError('failed-precondition', 'CTL_NOT_LOCKED', 'this node is not locked', { cause });

function checkSocket(socket: string): void {
  let isSocket: boolean;
  try {
    isSocket = statSync(socket).isSocket();
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    if (code !== 'ENOENT' && code !== 'ENOTDIR') throw refused(socket, cause);
    throw new SwarmError(
      'unavailable',
      'CTL_NO_SOCKET',
      `there is no control socket at ${socket}; ${hint}`,
      { cause },
    );
  }
  if (!isSocket)
    throw new SwarmError('unavailable', 'CTL_NO_SOCKET', `${socket} is not a socket; ${hint}`);
}

type Method = (request: unknown, options?: CallOptions) => Promise<unknown>;

function withAdvice(control: ControlClient, socket: string, callMs: number): ControlClient {
  return new Proxy(control, {
    get(target, name, receiver) {
      const method: unknown = Reflect.get(target, name, receiver);
      // A stream of logs has no deadline.
      if (typeof method !== 'function' || name === 'close' || name === 'logs') return method;
      return async (request: unknown, options?: CallOptions) => {
        try {
          return await (method as Method)(request, { timeoutMs: callMs, ...options });
        } catch (error) {
          throw advised(error, socket);
        }
      };
    },
  });
}

function advised(error: unknown, socket: string): unknown {
  if (!isSwarmError(error)) return error;
  if (error.code === 'RPC_UNREACHABLE') return refused(socket, error);
  if (error.code === 'RPC_DEADLINE')
    return new SwarmError(
      'deadline-exceeded',
      'CTL_TIMEOUT',
      `the manager at ${socket} has not answered in time; look at its log, and whether what you asked for was done`,
      { cause: error },
    );
  return error;
}

function refused(socket: string, cause: unknown): SwarmError {
  const text = messageOf(cause);
  if (/EACCES|EPERM/.test(text))
    return new SwarmError(
      'permission-denied',
      'CTL_NO_ACCESS',
      `the control socket ${socket} may not be opened by this user; use the one that runs swarmd, or root`,
      { cause },
    );
  const reason = /E[A-Z]{4,}/.exec(text)?.[0] ?? text;
  return new SwarmError(
    'unavailable',
    'CTL_UNREACHABLE',
    `no swarmd answers at ${socket} (${reason}); ${hint}`,
    { cause },
  );
}
