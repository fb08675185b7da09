#!/usr/bin/env node
import { readFileSync } from 'node:fs';
import { isSwarmError, messageOf } from '@swarmkit/sdk/plugin/errors';
import { createProgram } from './program.js';

/**
 * Exit codes: 0 done, 1 refused or failed, 2 the command line is wrong, 3 not found, 4 the manager cannot
 * be reached or has no leader.
 */

const { version } = JSON.parse(
  readFileSync(new URL('../package.json', import.meta.url), 'utf8'),
) as { readonly version: string };

const program = createProgram(version);
// Commander's own refusals are about the command line.
for (const command of everyCommand(program.command))
  command.exitOverride((error) => process.exit(error.exitCode === 0 ? 0 : 2));

try {
  await program.command.parseAsync(process.argv);
} catch (error) {
  console.error(`swarmctl: ${messageOf(error)}`);
  process.exitCode = exitCode(error);
} finally {
  program.close();
}

function exitCode(error: unknown): number {
  if (!isSwarmError(error)) return 1;
  if (error.code === 'CTL_USAGE') return 2;
  if (error.kind === 'not-found') return 3;
  return error.kind === 'unavailable' || error.kind === 'deadline-exceeded' ? 4 : 1;
}

function everyCommand(command: typeof program.command): (typeof program.command)[] {
  return [command, ...command.commands.flatMap((one) => everyCommand(one))];
}
