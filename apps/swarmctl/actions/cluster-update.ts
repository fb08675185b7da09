import { GetUnlockKeyRequest } from '@swarmkit/sdk/wire/gen/swarmkit/ca';
import {
  type KeyRotation,
  ListNodesRequest,
  UpdateClusterRequest,
} from '@swarmkit/sdk/wire/gen/swarmkit/control';
import { unlockKeyText } from '@swarmkit/sdk/model/unlock-key';
import { SwarmError } from '@swarmkit/sdk/plugin/errors';
import { Cluster } from '@swarmkit/sdk/wire/gen/swarmkit/objects';
import { ClusterSpec } from '@swarmkit/sdk/wire/gen/swarmkit/specs';
import { findCluster } from '../find.js';
import { jsonOf } from '../output/json.js';
import { watchRootRotation } from '../progress/root-rotation.js';
import type { Session } from '../session.js';
import {
  applyClusterFlags,
  type ClusterFlags,
  readClusterFiles,
  rotationOf,
} from '../spec/cluster-flags.js';
import { oneOf, usage } from '../spec/units.js';
import { retryOutOfSequence } from './sequence.js';

export interface UpdateFlags extends ClusterFlags {
  readonly detach?: boolean;
  readonly quiet?: boolean;
}

export async function updateCluster(session: Session, flags: UpdateFlags): Promise<void> {
  const { detach, quiet, ...changes } = flags;
  if (Object.keys(changes).length === 0)
    throw usage('cluster update needs something to change; see swarmctl cluster update --help');
  const files = await readClusterFiles(flags);
  const cluster = await write(session, rotationOf(flags), (spec) =>
    applyClusterFlags(spec, flags, files),
  );
  if (session.json) session.sayJson(jsonOf('cluster', cluster));
  else session.say(cluster.id);
  for (const role of flags.rotateJoinToken ?? []) await sayJoin(session, cluster, role, false);
  if (flags.rotateUnlockKey || cluster.spec?.encryptionConfig?.autoLockManagers)
    if (flags.autolock !== undefined || flags.rotateUnlockKey) await sayUnlockKey(session, false);
  const rotates = flags.rotateRootCa || flags.caCert !== undefined;
  if (rotates && !detach) await watchRootRotation(session, cluster, quiet === true);
}

export async function joinToken(
  session: Session,
  role: string,
  { rotate, quiet }: { readonly rotate?: boolean; readonly quiet?: boolean },
): Promise<void> {
  const rotateJoinToken = [role];
  const rotation = rotationOf({ rotateJoinToken });
  const cluster = rotate
    ? await write(session, rotation, (spec) => spec)
    : await findCluster(session.control, 'default');
  await sayJoin(session, cluster, role, quiet === true);
}

export async function unlockKey(
  session: Session,
  { rotate, quiet }: { readonly rotate?: boolean; readonly quiet?: boolean },
): Promise<void> {
  if (rotate) await write(session, rotationOf({ rotateUnlockKey: true }), (spec) => spec);
  await sayUnlockKey(session, quiet === true);
}

const write = (
  session: Session,
  rotation: KeyRotation,
  change: (spec: ClusterSpec) => ClusterSpec,
): Promise<Cluster> =>
  retryOutOfSequence(async () => {
    const before = await findCluster(session.control, 'default');
    const { cluster } = await session.control.updateCluster(
      UpdateClusterRequest.create({
        clusterId: before.id,
        clusterVersion: before.meta?.version,
        spec: change(before.spec ?? ClusterSpec.create()),
        rotation,
      }),
    );
    return cluster ?? Cluster.create();
  });

async function sayJoin(
  session: Session,
  { rootCa }: Cluster,
  role: string,
  quiet: boolean,
): Promise<void> {
  const name = oneOf('the role', { worker: 'worker', manager: 'manager' } as const, role);
  const token = rootCa?.joinTokens?.[name] ?? '';
  if (quiet) session.say(token);
  else if (!session.json)
    session.say(`swarmd --join-addr ${await leaderAddress(session)} --join-token ${token}`);
  else session.sayJson({ role: name, token });
}

/** Where other nodes reach the leader. */
async function leaderAddress({ control }: Session): Promise<string> {
  const { nodes } = await control.listNodes(ListNodesRequest.create());
  const managers = nodes.filter(({ managerStatus }) => managerStatus?.addr);
  const leader = managers.find(({ managerStatus }) => managerStatus?.leader) ?? managers[0];
  const address = leader?.managerStatus?.addr;
  if (address === undefined)
    throw new SwarmError(
      'failed-precondition',
      'CTL_NO_ADDRESS',
      'no manager has an address that other nodes could join at; start swarmd with --listen-remote-api, or show the token alone with -q',
    );
  // Listening everywhere is no address; where the node was last seen may be one.
  const port = /^(?:0\.0\.0\.0|\[::\]):(\d+)$/.exec(address)?.[1];
  const seen = leader?.status?.addr;
  return port !== undefined && seen ? `${seen}:${port}` : address;
}

async function sayUnlockKey(session: Session, quiet: boolean): Promise<void> {
  const { unlockKey: key } = await session.control.unlockKey(GetUnlockKeyRequest.create());
  if (key.length === 0)
    throw new SwarmError(
      'failed-precondition',
      'CTL_NOT_LOCKED',
      'managers of this cluster are not locked; lock them with swarmctl cluster update --autolock=true',
    );
  const text = unlockKeyText(key);
  if (session.json) session.sayJson({ unlockKey: text });
  else session.say(quiet ? text : `Unlock key, without which no manager starts again: ${text}`);
}
