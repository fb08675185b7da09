#!/usr/bin/env node
import { readFileSync } from 'node:fs';
import { isSwarmError, messageOf } from '@swarmkit/sdk/plugin/errors';
import { parseCommandLine } from './command-line.js';
import { runDaemon } from './daemon.js';
import { settingsFrom } from './settings.js';

/** Exit codes: 0 stopped as asked, 1 could not run or failed, 2 the command line or a setting is wrong. */

const { version } = JSON.parse(
  readFileSync(new URL('../package.json', import.meta.url), 'utf8'),
) as { readonly version: string };

try {
  const settings = settingsFrom(parseCommandLine(process.argv.slice(2), version), process.cwd());
  process.exitCode = await runDaemon(settings);
} catch (error) {
  console.error(`swarmd: ${sentences(error).join(': ')}`);
  process.exitCode =
    isSwarmError(error) && (error.code === 'SWARMD_SETTING' || error.code === 'SWARMD_CONFIG')
      ? 2
      : 1;
}
// Sockets of half-open clients must not keep a daemon alive that has said that it stopped.
process.exit();

/** The sentence, and those of its causes that say more. */
function sentences(error: unknown): readonly string[] {
  const said: string[] = [];
  for (let at: unknown = error; at !== undefined && said.length < 4; at = (at as Error).cause) {
    const text = messageOf(at);
    if (!said.some((before) => before.includes(text))) said.push(text);
  }
  return said;
}
