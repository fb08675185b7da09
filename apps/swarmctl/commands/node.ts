import type { Command } from 'commander';
import type { NodeFlags } from '../actions/node-write.js';
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
    activate: ['active', 'Let nodes take tasks again'],
    pause: ['pause', 'Give nodes no new tasks; those they have go on'],
    drain: ['drain', 'Move all tasks off nodes and give them no new ones'],
  } as const;
  for (const [name, [availability, description]] of Object.entries(availabilities))
    node
      .command(name)
      .argument('<node...>')
      .description(description)
      .action(async (words: readonly string[]) => {
        const { setAvailability } = await import('../actions/node-write.js');
        await setAvailability(await open(), words, availability);
      });

  const roles = {
    promote: ['MANAGER', 'Make managers of nodes'],
    demote: ['WORKER', 'Make workers of managers; a majority must remain'],
  } as const;
  for (const [name, [role, description]] of Object.entries(roles))
    node
      .command(name)
      .argument('<node...>')
      .description(description)
      .action(async (words: readonly string[]) => {
        const { setRole } = await import('../actions/node-write.js');
        await setRole(await open(), words, role);
      });

  const each = (value: string, before: readonly string[] = []): readonly string[] => [
    ...before,
    value,
  ];
  node
    .command('update')
    .argument('<node...>')
    .description('Change what nodes may run')
    .option('--label-add <key=value>', 'add or change a label (can be repeated)', each)
    .option('--label-rm <key>', 'remove a label (can be repeated)', each)
    .option('--availability <word>', 'active, pause or drain')
    .action(async (words: readonly string[], flags: NodeFlags) => {
      const { updateNodes } = await import('../actions/node-write.js');
      await updateNodes(await open(), words, flags);
    });

  node
    .command('rm')
    .alias('remove')
    .argument('<node...>')
    .description('Remove nodes from the cluster: their certificates count no more')
    .option('-f, --force', 'also one that is up')
    .action(async (words: readonly string[], flags: { readonly force?: boolean }) => {
      const { removeNodes } = await import('../actions/node-write.js');
      await removeNodes(await open(), words, flags);
    });
}
