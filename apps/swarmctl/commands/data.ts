import type { Command } from 'commander';
import type { DataFlags } from '../actions/data.js';
import type { DataKind } from '../actions/data-kinds.js';
import type { Open } from '../session.js';
import type { WaitFlags } from './service.js';

const each = (value: string, before: readonly string[] = []): readonly string[] => [
  ...before,
  value,
];

/** `swarmctl secret …` and `swarmctl config …`: flags and arguments. */
export const addDataCommands =
  (kind: DataKind) =>
  (group: Command, open: Open): void => {
    const create = group
      .command('create')
      .argument('<name>')
      .argument('[file]', 'its data; - reads standard input')
      .description(`Create a ${kind}`)
      .option('-l, --label <key=value>', 'label (can be repeated)', each)
      .option('--template-driver <name>', 'expand placeholders in it: golang');
    if (kind === 'secret')
      create.option('-d, --driver <name>', 'secret driver that knows the data');
    create.action(async (name: string, file: string | undefined, flags: DataFlags) => {
      const { createData } = await import('../actions/data.js');
      await createData(await open(), kind, name, file, flags);
    });

    group
      .command('ls')
      .alias('list')
      .description(`List ${kind}s`)
      .option('-q, --quiet', 'ids only')
      .action(async (flags: { readonly quiet?: boolean }) => {
        const { listData } = await import('../actions/data.js');
        await listData(await open(), kind, flags);
      });

    group
      .command('inspect')
      .argument(`<${kind}>`)
      .description(kind === 'secret' ? 'Show a secret, but not its data' : 'Show a config')
      .action(async (word: string) => {
        const { inspectData } = await import('../actions/data.js');
        await inspectData(await open(), kind, word);
      });

    group
      .command('rotate')
      .argument(`<${kind}>`)
      .argument('[file]', 'its new data; - reads standard input; none: go on with what broke off')
      .description(`Give a ${kind} new data, and all services that use it`)
      .option('-d, --detach', 'do not wait for the services')
      .option('-q, --quiet', 'wait, but show no progress')
      .action(async (word: string, file: string | undefined, flags: WaitFlags) => {
        const { rotateData } = await import('../actions/rotate.js');
        await rotateData(await open(), kind, word, file, flags);
      });

    group
      .command('rm')
      .alias('remove')
      .argument(`<${kind}...>`)
      .description(`Remove ${kind}s that no service uses`)
      .action(async (words: readonly string[]) => {
        const { removeData } = await import('../actions/data.js');
        await removeData(await open(), kind, words);
      });
  };
