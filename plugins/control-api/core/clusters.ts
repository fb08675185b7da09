/** The cluster object: its settings, its join tokens, and what of it may be shown. */
import type { UpdateClusterRequest } from '@swarmkit/sdk/wire/gen/swarmkit/control';
import { Cluster } from '@swarmkit/sdk/wire/gen/swarmkit/objects';
import type { ClusterSpec } from '@swarmkit/sdk/wire/gen/swarmkit/specs';
import { type JoinTokens, RootCA } from '@swarmkit/sdk/wire/gen/swarmkit/types';
import { withoutExpired } from './blacklist.js';
import { withNewSecret } from '@swarmkit/sdk/model/join-token';
import { missingArgument, notFound } from './refusals.js';
import { unlockKeys } from './unlock-keys.js';
import { validateCluster } from './validate-cluster.js';
import { atVersion, update, type WriteContext } from './write-context.js';

/** `root`: what the CA settings of the spec make of the root certificate, where they change it. */
export function updateCluster(
  context: WriteContext,
  request: UpdateClusterRequest,
  root?: RootCA,
): Cluster {
  const { clusterId, clusterVersion, spec, rotation } = request;
  if (clusterId === '' || clusterVersion === undefined || spec === undefined)
    throw missingArgument();
  validateCluster(spec);
  const old = context.draft.get('cluster', clusterId);
  if (old === undefined) throw notFound('cluster', clusterId);
  const rootCa = root ?? old.rootCa;
  const changed: Cluster = {
    ...old,
    spec: withoutSigner(spec),
    rootCa: rootCa && {
      ...rootCa,
      joinTokens: rootCa.joinTokens && rotated(context, rootCa.joinTokens, rotation),
    },
    unlockKeys: unlockKeys(old, spec, rotation, (count) => context.tokenBytes(count)),
    blacklistedCertificates: withoutExpired(old.blacklistedCertificates, context.now),
  };
  return update(context, 'cluster', atVersion(changed, clusterVersion), old);
}

function rotated(
  context: WriteContext,
  tokens: JoinTokens,
  rotation: UpdateClusterRequest['rotation'],
): JoinTokens {
  const fresh = (token: string) => withNewSecret(token, context.tokenBytes(16));
  return {
    ...tokens,
    worker: rotation?.workerJoinToken === true ? fresh(tokens.worker) : tokens.worker,
    manager: rotation?.managerJoinToken === true ? fresh(tokens.manager) : tokens.manager,
  };
}

/** The root certificate and its key are kept with the root alone: a spec would keep old ones for ever. */
const withoutSigner = (spec: ClusterSpec): ClusterSpec => ({
  ...spec,
  caConfig: spec.caConfig && { ...spec.caConfig, ...noSigner },
});

/**
 * What of the cluster may be shown; what is not named here stays with the managers. Join tokens are
 * what people ask for. The signing certificate is left out with its key, so that a spec that comes back
 * unchanged changes nothing. Address pools and port show what their absence means.
 */
export const redacted = ({ spec, rootCa, ...cluster }: Cluster): Cluster =>
  Cluster.create({
    id: cluster.id,
    meta: cluster.meta,
    spec: spec && withoutSigner(spec),
    rootCa: rootCa && {
      ...rootCa,
      caKey: noBytes,
      rootRotation: rootCa.rootRotation && { ...rootCa.rootRotation, caKey: noBytes },
    },
    blacklistedCertificates: cluster.blacklistedCertificates,
    defaultAddressPool:
      cluster.defaultAddressPool.length === 0 ? ['10.0.0.0/8'] : cluster.defaultAddressPool,
    subnetSize: cluster.subnetSize === 0 ? 24 : cluster.subnetSize,
    VXLANUDPPort: cluster.VXLANUDPPort === 0 ? 4789 : cluster.VXLANUDPPort,
  });

const noBytes = RootCA.create().caKey;
const noSigner = { signingCaCert: noBytes, signingCaKey: noBytes };
