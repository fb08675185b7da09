import { readFileSync } from 'node:fs';
import { isSwarmError, messageOf } from '@swarmkit/sdk/plugin/errors';
import { CommanderError, parseCommandLine } from './command-line.js';
import { type Flags, settingsFrom } from './settings.js';

const wrongSettings = new Set(['SWARMD_SETTING', 'SWARMD_CONFIG', 'KERNEL_CONFIG']);

/**
 * The whole life of the process. Exit codes: 0 stopped as asked, 1 could not run or failed, 2 the command
 * line or a setting is wrong.
 */
export async function run(words: readonly string[]): Promise<never> {
  let flags: Flags = {};
  try {
    flags = parseCommandLine(words, versionHere());
    const settings = await settingsFrom(flags, process.cwd());
    // Loaded when it is known that it will run: all plugins come with it.
    const { runDaemon } = await import('./daemon.js');
    await runDaemon(settings);
  } catch (error) {
    process.exitCode = exitCodeOf(error, flags);
  }
  // Sockets of half-open clients must not keep a daemon alive that has said that it stopped.
  process.exit();
}

function versionHere(): string {
  const text = readFileSync(new URL('../package.json', import.meta.url), 'utf8');
  return (JSON.parse(text) as { readonly version: string }).version;
}

/** Says why, in one line, and answers the exit code. */
function exitCodeOf(error: unknown, flags: Flags): number {
  // What is wrong with the command line was said when it was read; help and version are no failure.
  if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2;
  const code = isSwarmError(error) ? error.code : '';
  // The kernel was given the settings and does not know where they come from.
  const place = code === 'KERNEL_CONFIG' && flags.config ? ` (plugins in ${flags.config})` : '';
  process.stderr.write(`swarmd: ${sentences(error).join(': ')}${place}\n`);
  return wrongSettings.has(code) ? 2 : 1;
}

/**
 * The sentence, and those of its causes that say more. Down to the first error that was made for people:
 * what caused that one is for the log.
 */
function sentences(error: unknown): readonly string[] {
  const said: string[] = [];
  for (let at: unknown = error; at !== undefined; at = (at as Error).cause) {
    const text = messageOf(at).replaceAll(/\s*\n\s*/g, ' ');
    if (!said.some((before) => before.includes(text))) said.push(text);
    if (isSwarmError(at) && !at.code.startsWith('KERNEL_')) break;
  }
  return said;
}
