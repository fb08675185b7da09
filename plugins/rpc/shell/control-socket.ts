// The socket file's life: claimed when nobody listens, taken over from a dead process, refused while
// somebody does. It never removes a file that is not a socket.
import { existsSync, lstatSync, unlinkSync } from 'node:fs';
import { connect } from 'node:net';
import { dirname } from 'node:path';
import { messageOf, SwarmError } from '@swarmkit/sdk/plugin/errors';
import { checkSocketPath } from '../core/address.js';

/** Resolves when `path` may be listened on; a stale socket file is removed. */
export async function claimSocketPath(path: string): Promise<void> {
  checkSocketPath(path, Buffer.byteLength(path));
  // Listening there would fail with EACCES, which is misleading.
  if (!existsSync(dirname(path)))
    throw new SwarmError(
      'invalid-argument',
      'RPC_BAD_ADDRESS',
      `the folder ${dirname(path)} of the control socket does not exist: make it or name another control socket`,
    );
  let isSocket: boolean;
  try {
    isSocket = lstatSync(path).isSocket();
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return;
    throw unusable(path, error);
  }
  if (!isSocket) {
    throw new SwarmError(
      'invalid-argument',
      'RPC_BAD_ADDRESS',
      `${path} exists and is not a socket: remove it or name another control socket`,
    );
  }
  if (await answers(path)) throw socketInUse(path);
  try {
    unlinkSync(path);
  } catch (error) {
    if (codeOf(error) !== 'ENOENT') throw unusable(path, error);
  }
}

/** Does a live process listen there? Its queue being full counts as alive. */
function answers(path: string): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const probe = connect(path);
    probe.once('connect', () => {
      probe.destroy();
      resolve(true);
    });
    probe.once('error', (error) => {
      const code = codeOf(error);
      if (code === 'ECONNREFUSED' || code === 'ENOENT') resolve(false);
      else if (code === 'EAGAIN') resolve(true);
      else reject(unusable(path, error));
    });
  });
}

export const socketInUse = (path: string, cause?: unknown): SwarmError =>
  new SwarmError(
    'failed-precondition',
    'RPC_SOCKET_IN_USE',
    `another daemon listens on ${path}: stop it or name another control socket`,
    { cause },
  );

export const unusable = (address: string, cause: unknown): SwarmError =>
  new SwarmError(
    'invalid-argument',
    'RPC_BAD_ADDRESS',
    `${address} cannot be listened on (${messageOf(cause)}): name another one`,
    { cause },
  );

export const codeOf = (error: unknown): string | undefined =>
  error instanceof Error && 'code' in error && typeof error.code === 'string'
    ? error.code
    : undefined;
