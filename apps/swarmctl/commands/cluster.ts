import { durationToMs } from '@swarmkit/sdk/model/time';
import { ListClustersRequest } from '@swarmkit/sdk/wire/gen/swarmkit/control';
import type { Cluster } from '@swarmkit/sdk/wire/gen/swarmkit/objects';
import { Command } from 'commander';
import { findCluster } from '../find.js';
import { fields } from '../output/fields.js';
import { jsonOf, print } from '../output/json.js';
import { table } from '../output/table.js';
import type { Session } from '../session.js';

export function clusterCommand(open: () => Session): Command {
  const cluster = new Command('cluster').description('Look at the cluster');
  cluster
    .command('ls')
    .alias('list')
    .description('List clusters: there is one')
    .action(async () => {
      const session = open();
      const { clusters } = await session.control.listClusters(ListClustersRequest.create());
      if (session.format === 'json') print(clusters.map((one) => jsonOf('cluster', one)));
      else
        console.log(
          table(
            ['ID', 'NAME'],
            clusters.map((one) => [one.id, one.spec?.annotations?.name ?? '']),
          ),
        );
    });
  cluster
    .command('inspect [cluster]')
    .description('Show settings and join tokens of the cluster')
    .action(async (word: string | undefined) => {
      const session = open();
      const found = await findCluster(session, word ?? 'default');
      if (session.format === 'json') print(jsonOf('cluster', found));
      else console.log(fields(describe(found)));
    });
  return cluster;
}

function describe(cluster: Cluster): readonly (readonly [string, string])[] {
  const { spec, rootCa } = cluster;
  const span = (ms: number | undefined): string => (ms === undefined ? '' : `${ms / 1000} s`);
  return [
    ['ID', cluster.id],
    ['Name', spec?.annotations?.name ?? ''],
    ['Task history', String(spec?.orchestration?.taskHistoryRetentionLimit ?? '')],
    ['Heartbeat', span(durationToMs(spec?.dispatcher?.heartbeatPeriod))],
    ['Certificates', certificateSpan(durationToMs(spec?.caConfig?.nodeCertExpiry))],
    ['Snapshot every', spec?.raft ? `${spec.raft.snapshotInterval} entries` : ''],
    ['Root digest', rootCa?.caCertHash ?? ''],
    ['Worker token', rootCa?.joinTokens?.worker ?? ''],
    ['Manager token', rootCa?.joinTokens?.manager ?? ''],
  ];
}

const certificateSpan = (ms: number | undefined): string =>
  ms === undefined ? '' : `${Math.round(ms / 3_600_000)} hours`;
