import type { Command } from 'commander';
import type { Open } from '../session.js';

/** `swarmctl explain`. */
export function addExplainCommand(program: Command, open: Open): void {
  program
    .command('explain')
    .argument('<service>', 'or a task')
    .description('Say why a service or a task is in its state, and who is to act next')
    .action(async (word: string) => {
      const { explain } = await import('../actions/explain.js');
      await explain(await open(), word);
    });
}
