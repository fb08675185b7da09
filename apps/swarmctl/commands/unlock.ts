import type { Command } from 'commander';
import type { Io } from '../io.js';
import { type GlobalFlags, socketOf } from '../session.js';
import { usage } from '../spec/units.js';

/** `swarmctl unlock`: for a manager that waits, after its start, for the key to its own keys. */
export function addUnlockCommand(program: Command, io: Io): void {
  program
    .command('unlock')
    .description('Unlock this node: asks for the unlock key, or reads it from standard input')
    .option('-s, --socket <path>', 'control socket')
    .action(async (own: GlobalFlags) => {
      const key = (await io.secret('Unlock key: ')).trim();
      if (key === '') throw usage('there is no unlock key; type it, or pipe it in');
      await io.unlock(socketOf({ ...program.opts<GlobalFlags>(), ...own }, io), key);
      io.stdout.write('Unlocked: the node starts now.\n');
    });
}
