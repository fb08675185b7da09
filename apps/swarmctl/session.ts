import { existsSync } from 'node:fs';
import path from 'node:path';
import { type ControlClient, connectControl } from '@swarmkit/sdk/client/control';
import { SwarmError } from '@swarmkit/sdk/plugin/errors';

/** One run of the program: its connection, opened when a command first needs it, and its output form. */
export interface Session {
  readonly control: ControlClient;
  readonly socket: string;
  readonly format: 'table' | 'json';
}

export const defaultSocket = './swarmkitstate/swarmd.sock';

export interface GlobalFlags {
  readonly socket?: string;
  readonly format?: 'table' | 'json';
}

export function openSession(flags: GlobalFlags): Session {
  const socket = path.resolve(
    (flags.socket ?? process.env.SWARM_SOCKET ?? defaultSocket).replace(/^unix:(\/\/)?/, ''),
  );
  if (!existsSync(socket))
    throw new SwarmError(
      'unavailable',
      'CTL_NO_SOCKET',
      `there is no control socket at ${socket}; start swarmd, or name its socket with --socket or SWARM_SOCKET`,
    );
  return { control: connectControl(socket), socket, format: flags.format ?? 'table' };
}
