import path from 'node:path';
import type { ControlClient } from '@swarmkit/sdk/client/control';
import type { Io } from './io.js';

/** How one run of the program answers. */
export interface Answer {
  readonly json: boolean;
  /** One line or more to standard output: what the command is asked for. */
  say(text: string): void;
  sayJson(value: unknown): void;
}

/** One run of the program: its connection, opened when a command first needs it, and its output form. */
export interface Session extends Answer {
  readonly control: ControlClient;
  readonly io: Io;
}

/** For commands that talk to no manager. Asked when a command runs: flags are known then. */
export type Present = () => Answer;

/** Connects when a command first needs it. */
export type Open = () => Promise<Session>;

export interface GlobalFlags {
  readonly socket?: string;
  readonly format?: 'table' | 'json';
}

export const defaultSocket = './swarmkitstate/swarmd.sock';

export async function openSession(flags: GlobalFlags, io: Io): Promise<Session> {
  return { control: await io.connect(socketOf(flags, io)), io, ...answerOf(flags, io) };
}

export function answerOf({ format }: GlobalFlags, io: Pick<Io, 'stdout'>): Answer {
  const say = (text: string): void => io.stdout.write(`${text}\n`);
  return {
    json: format === 'json',
    say,
    sayJson: (value) => say(JSON.stringify(value, null, 2)),
  };
}

/** Path of the control socket. */
export const socketOf = ({ socket }: GlobalFlags, { env }: Pick<Io, 'env'>): string =>
  path.resolve((socket ?? (env.SWARM_SOCKET || defaultSocket)).replace(/^unix:(\/\/)?/, ''));
