import type { Command } from 'commander';
import type { Open } from '../session.js';

/** `swarmctl node …`: flags and arguments. */
export function addNodeCommands(node: Command, open: Open): void {
  node
    .command('ls')
    .alias('list')
    .description('List nodes')
    .option('-q, --quiet', 'ids only')
    .action(async (flags: { readonly quiet?: boolean }) => {
      const { listNodes } = await import('../actions/node-list.js');
      await listNodes(await open(), flags);
    });

  node
    .command('inspect')
    .argument('<node>')
    .description('Show a node and its tasks')
    .option('-a, --all', 'also tasks that have ended')
    .action(async (word: string, flags: { readonly all?: boolean }) => {
      const { inspectNode } = await import('../actions/node-inspect.js');
      await inspectNode(await open(), word, flags);
    });

  const availabilities = {
    activate: ['ACTIVE', 'Let nodes take tasks again'],
    pause: ['PAUSE', 'Give nodes no new tasks; those they have go on'],
    drain: ['DRAIN', 'Move all tasks off nodes and give them no new ones'],
  } as const;
  for (const [name, [availability, description]] of Object.entries(availabilities))
    node
      .command(name)
      .argument('<node...>')
      .description(description)
      .action(async (words: readonly string[]) => {
        const { setAvailability } = await import('../actions/node-availability.js');
        await setAvailability(await open(), words, availability);
      });
}
