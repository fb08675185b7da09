import { isSwarmError, messageOf } from '@swarmkit/sdk/plugin/errors';
import { CommanderError } from 'commander';
import type { Io } from './io.js';
import { createProgram } from './program.js';

/**
 * One run of the program. Resolves to the exit code: 0 done, 1 refused or failed, 2 the command line is
 * wrong, 3 not found, 4 the manager cannot be reached or has no leader, 130 interrupted.
 */
export async function run(argv: readonly string[], io: Io, version: string): Promise<number> {
  const program = await createProgram(argv, io, version);
  try {
    await program.command.parseAsync([...argv], { from: 'user' });
    return 0;
  } catch (error) {
    // Commander has said it already; what it refuses is always the command line.
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2;
    io.stderr.write(`swarmctl: ${messageOf(error)}\n`);
    return exitCode(error);
  } finally {
    program.close();
  }
}

function exitCode(error: unknown): number {
  if (!isSwarmError(error)) return 1;
  if (error.code === 'CTL_USAGE') return 2;
  if (error.code === 'CTL_INTERRUPTED') return 130;
  if (error.kind === 'not-found') return 3;
  return error.kind === 'unavailable' || error.kind === 'deadline-exceeded' ? 4 : 1;
}
