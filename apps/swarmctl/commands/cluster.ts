import type { Command } from 'commander';
import type { UpdateFlags } from '../actions/cluster-update.js';
import type { Open } from '../session.js';

interface KeyFlags {
  readonly rotate?: boolean;
  readonly quiet?: boolean;
}

/** `swarmctl cluster …`: flags and arguments. */
export function addClusterCommands(cluster: Command, open: Open): void {
  cluster
    .command('ls')
    .alias('list')
    .description('List clusters: there is one')
    .option('-q, --quiet', 'ids only')
    .action(async (flags: { readonly quiet?: boolean }) => {
      const { listClusters } = await import('../actions/cluster.js');
      await listClusters(await open(), flags);
    });
  cluster
    .command('inspect')
    .argument('[cluster]')
    .description('Show settings and join tokens of the cluster')
    .action(async (word: string | undefined) => {
      const { inspectCluster } = await import('../actions/cluster.js');
      await inspectCluster(await open(), word ?? 'default');
    });

  const each = (value: string, before: readonly string[] = []): readonly string[] => [
    ...before,
    value,
  ];
  cluster
    .command('update')
    .description('Change settings, tokens, keys and the root certificate of the cluster')
    .option('--rotate-join-token <role>', 'make a new token for worker or manager', each)
    .option('--rotate-unlock-key', 'make a new key for locked managers')
    .option('--autolock <bool>', 'true: managers need a key to start again')
    .option('--cert-expiry <span>', "how long nodes' certificates live, at least 1h")
    .option('--snapshot-interval <entries>', 'how often managers shorten their log; 0: never')
    .option('--max-snapshots <count>', 'older snapshots that managers keep')
    .option(
      '--external-ca <url>',
      'url=URL[,cacert=FILE]: who else signs (replaces the list)',
      each,
    )
    .option('--rotate-root-ca', 'move all nodes to a new root certificate')
    .option('--ca-cert <file>', 'move all nodes to this root certificate')
    .option('--ca-key <file>', 'its private key')
    .option('-d, --detach', 'do not wait until all nodes have moved')
    .option('-q, --quiet', 'wait, but show no progress')
    .action(async (flags: UpdateFlags) => {
      const { updateCluster } = await import('../actions/cluster-update.js');
      await updateCluster(await open(), flags);
    });

  cluster
    .command('join-token')
    .argument('<role>', 'worker or manager')
    .description('Show what to run on a machine that is to join')
    .option('--rotate', 'make a new token first: the old one admits nobody any more')
    .option('-q, --quiet', 'the token only')
    .action(async (role: string, flags: KeyFlags) => {
      const { joinToken } = await import('../actions/cluster-update.js');
      await joinToken(await open(), role, flags);
    });

  cluster
    .command('unlock-key')
    .description('Show the key that locked managers need to start')
    .option('--rotate', 'make a new key first')
    .option('-q, --quiet', 'the key only')
    .action(async (flags: KeyFlags) => {
      const { unlockKey } = await import('../actions/cluster-update.js');
      await unlockKey(await open(), flags);
    });
}
