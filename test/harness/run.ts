import { spawn } from 'node:child_process';
import { swarmctlPath, swarmdPath } from './daemon.js';

/** A program that is expected to end by itself. */
export interface Ended {
  /** Exit code, or the name of the signal that ended it. */
  readonly status: number | string;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a Node program to its end; one that takes longer than the deadline is killed. */
export function runNode(words: readonly string[], deadlineMs = 60_000): Promise<Ended> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, words, {
      stdio: ['ignore', 'pipe', 'pipe'],
      timeout: deadlineMs,
      killSignal: 'SIGKILL',
    });
    let stdout = '';
    let stderr = '';
    child.stdout.on('data', (bytes) => {
      stdout += bytes;
    });
    child.stderr.on('data', (bytes) => {
      stderr += bytes;
    });
    child.once('error', reject);
    child.once('close', (code, signal) =>
      resolve({ status: code ?? signal ?? 'unknown', stdout, stderr }),
    );
  });
}

export const swarmctl = (socket: string, ...words: readonly string[]): Promise<Ended> =>
  runNode([swarmctlPath, '--socket', socket, ...words]);

/** A swarmd that is expected not to start, and what it said last. */
export async function refusedStart(
  words: readonly string[],
): Promise<{ readonly status: number | string; readonly sentence: string }> {
  const { status, stderr } = await runNode([swarmdPath, ...words]);
  return { status, sentence: stderr.trimEnd().split('\n').at(-1) ?? '' };
}
