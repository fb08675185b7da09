import type { Command } from 'commander';
import type { NetworkFlags } from '../actions/network.js';
import type { Open } from '../session.js';

const each = (value: string, before: readonly string[] = []): readonly string[] => [
  ...before,
  value,
];

/** `swarmctl network …`: flags and arguments. */
export function addNetworkCommands(network: Command, open: Open): void {
  network
    .command('create')
    .argument('<name>')
    .description('Create a network')
    .option('-d, --driver <name>', 'network driver (default: overlay)')
    .option('-o, --opt <key=value>', 'option of the driver (can be repeated)', each)
    .option('--label <key=value>', 'label (can be repeated)', each)
    .option('--subnet <cidr>', 'subnet (can be repeated)', each)
    .option(
      '--ip-range <cidr>',
      'part of the subnet to give addresses from (can be repeated)',
      each,
    )
    .option('--gateway <ip>', 'gateway of the subnet (can be repeated)', each)
    .option('--ipam-driver <name>', 'who gives addresses')
    .option('--ipam-opt <key=value>', 'option of that driver (can be repeated)', each)
    .option('--attachable', 'containers outside of services may join')
    .option('--internal', 'no way out')
    .option('--ingress', 'this is the network of the routing mesh')
    .option('--ipv6', 'with IPv6')
    .action(async (name: string, flags: NetworkFlags) => {
      const { createNetwork } = await import('../actions/network.js');
      await createNetwork(await open(), name, flags);
    });

  network
    .command('ls')
    .alias('list')
    .description('List networks')
    .option('-q, --quiet', 'ids only')
    .action(async (flags: { readonly quiet?: boolean }) => {
      const { listNetworks } = await import('../actions/network.js');
      await listNetworks(await open(), flags);
    });

  network
    .command('inspect')
    .argument('<network>')
    .description('Show a network')
    .action(async (word: string) => {
      const { inspectNetwork } = await import('../actions/network.js');
      await inspectNetwork(await open(), word);
    });

  network
    .command('rm')
    .alias('remove')
    .argument('<network...>')
    .description('Remove networks that nobody uses')
    .action(async (words: readonly string[]) => {
      const { removeNetworks } = await import('../actions/network.js');
      await removeNetworks(await open(), words);
    });
}
