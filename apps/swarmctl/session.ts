import path from 'node:path';
import type { ControlClient } from '@swarmkit/sdk/client/control';
import type { Io } from './io.js';

/** One run of the program: its connection, opened when a command first needs it, and its output form. */
export interface Session {
  readonly control: ControlClient;
  readonly io: Io;
  readonly json: boolean;
  /** One line or more to standard output: what the command is asked for. */
  say(text: string): void;
  sayJson(value: unknown): void;
}

/** Connects when a command first needs it. */
export type Open = () => Promise<Session>;

export interface GlobalFlags {
  readonly socket?: string;
  readonly format?: 'table' | 'json';
}

export const defaultSocket = './swarmkitstate/swarmd.sock';

export async function openSession(flags: GlobalFlags, io: Io): Promise<Session> {
  const say = (text: string): void => io.stdout.write(`${text}\n`);
  return {
    control: await io.connect(socketOf(flags, io)),
    io,
    json: flags.format === 'json',
    say,
    sayJson: (value) => say(JSON.stringify(value, null, 2)),
  };
}

/** Path of the control socket. */
export const socketOf = ({ socket }: GlobalFlags, { env }: Pick<Io, 'env'>): string =>
  path.resolve((socket ?? (env.SWARM_SOCKET || defaultSocket)).replace(/^unix:(\/\/)?/, ''));
