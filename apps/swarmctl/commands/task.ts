import type { Command } from 'commander';
import type { Open } from '../session.js';
import { addLogFlags, type LogFlags } from './log-flags.js';

/** `swarmctl task …`: flags and arguments. */
export function addTaskCommands(task: Command, open: Open): void {
  task
    .command('ls')
    .argument('[service...]')
    .alias('list')
    .description('List tasks, of some services or of all')
    .option('-a, --all', 'also tasks that have ended')
    .option('-q, --quiet', 'ids only')
    .action(
      async (
        words: readonly string[],
        flags: { readonly all?: boolean; readonly quiet?: boolean },
      ) => {
        const { listTasks } = await import('../actions/task-list.js');
        await listTasks(await open(), words, flags);
      },
    );

  task
    .command('inspect')
    .argument('<task>')
    .description('Show a task and, when it does not run, why')
    .action(async (word: string) => {
      const { inspectTask } = await import('../actions/task-inspect.js');
      await inspectTask(await open(), word);
    });

  addLogFlags(
    task.command('logs').argument('<task...>').description('Show what tasks print'),
  ).action(async (words: readonly string[], flags: LogFlags) => {
    const { taskLogs } = await import('../actions/logs.js');
    await taskLogs(await open(), words, flags);
  });
}
