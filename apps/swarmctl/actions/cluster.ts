import { ListClustersRequest } from '@swarmkit/sdk/wire/gen/swarmkit/control';
import type { Cluster } from '@swarmkit/sdk/wire/gen/swarmkit/objects';
import { findCluster } from '../find.js';
import { fields } from '../output/fields.js';
import { jsonOf } from '../output/json.js';
import { table } from '../output/table.js';
import { span } from '../output/time.js';
import type { Session } from '../session.js';

export async function listClusters(
  session: Session,
  { quiet }: { readonly quiet?: boolean },
): Promise<void> {
  const { clusters } = await session.control.listClusters(ListClustersRequest.create());
  if (session.json) session.sayJson(clusters.map((one) => jsonOf('cluster', one)));
  else if (quiet) for (const { id } of clusters) session.say(id);
  else
    session.say(
      table(
        ['ID', 'NAME'],
        clusters.map((one) => [one.id, one.spec?.annotations?.name ?? '']),
      ),
    );
}

export async function inspectCluster(session: Session, word: string): Promise<void> {
  const found = await findCluster(session.control, word);
  if (session.json) session.sayJson(jsonOf('cluster', found));
  else session.say(describe(found));
}

function describe({ id, spec, rootCa }: Cluster): string {
  const { orchestration, dispatcher, caConfig, raft } = spec ?? {};
  return fields([
    ['ID', id],
    ['Name', spec?.annotations?.name ?? ''],
    ['Task history', orchestration ? String(orchestration.taskHistoryRetentionLimit) : ''],
    ['Heartbeat', span(dispatcher?.heartbeatPeriod)],
    ['Certificates', span(caConfig?.nodeCertExpiry)],
    ['Snapshot every', raft ? `${raft.snapshotInterval} entries` : ''],
    ['Managers lock', spec?.encryptionConfig?.autoLockManagers ? 'yes' : ''],
    ['External CAs', (caConfig?.externalCas ?? []).map(({ url }) => url).join(', ')],
    ['Root digest', rootCa?.caCertHash ?? ''],
    ['Root rotation', rootCa?.rootRotation ? 'nodes are moving to a new root' : ''],
    ['Worker token', rootCa?.joinTokens?.worker ?? ''],
    ['Manager token', rootCa?.joinTokens?.manager ?? ''],
  ]);
}
