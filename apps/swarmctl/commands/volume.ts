import type { Command } from 'commander';
import type { VolumeFlags } from '../actions/volume.js';
import type { Open } from '../session.js';

const each = (value: string, before: readonly string[] = []): readonly string[] => [
  ...before,
  value,
];

/** `swarmctl volume …`: volumes of the cluster, made by storage plugins. */
export function addVolumeCommands(volume: Command, open: Open): void {
  volume
    .command('create')
    .argument('<name>')
    .description('Create a volume of the cluster')
    .requiredOption('-d, --driver <name>', 'storage plugin')
    .option('-o, --opt <key=value>', 'option of the driver (can be repeated)', each)
    .option('--label <key=value>', 'label (can be repeated)', each)
    .option('--group <name>', 'group that mounts may ask for')
    .option('--type <block|mount>', 'how it is used', 'mount')
    .option('--scope <single|multi>', 'on how many nodes at once', 'single')
    .option('--sharing <none|readonly|onewriter|all>', 'by how many tasks at once', 'none')
    .option('--availability <active|pause|drain>', 'whether tasks may use it', 'active')
    .option('--secret <key:secret>', 'secret for the plugin (can be repeated)', each)
    .option('--required-bytes <size>', 'smallest size')
    .option('--limit-bytes <size>', 'largest size')
    .option('--topology-required <key=value,…>', 'where it must be (can be repeated)', each)
    .option('--topology-preferred <key=value,…>', 'where it had better be (can be repeated)', each)
    .action(async (name: string, flags: VolumeFlags) => {
      const { createVolume } = await import('../actions/volume.js');
      await createVolume(await open(), name, flags);
    });

  volume
    .command('ls')
    .alias('list')
    .description('List volumes')
    .option('-q, --quiet', 'ids only')
    .action(async (flags: { readonly quiet?: boolean }) => {
      const { listVolumes } = await import('../actions/volume.js');
      await listVolumes(await open(), flags);
    });

  volume
    .command('inspect')
    .argument('<volume>')
    .description('Show a volume')
    .action(async (word: string) => {
      const { inspectVolume } = await import('../actions/volume.js');
      await inspectVolume(await open(), word);
    });

  volume
    .command('update')
    .argument('<volume...>')
    .description('Say whether tasks may use volumes')
    .requiredOption('--availability <active|pause|drain>', 'whether tasks may use it')
    .action(async (words: readonly string[], flags: { readonly availability: string }) => {
      const { updateVolumes } = await import('../actions/volume.js');
      await updateVolumes(await open(), words, flags);
    });

  volume
    .command('rm')
    .alias('remove')
    .argument('<volume...>')
    .description('Remove volumes that nobody uses')
    .option('-f, --force', 'forget it, without a word to its plugin')
    .action(async (words: readonly string[], flags: { readonly force?: boolean }) => {
      const { removeVolumes } = await import('../actions/volume.js');
      await removeVolumes(await open(), words, flags);
    });
}
