import type { Command } from 'commander';
import type { Open } from '../session.js';

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
}
