/** The cluster object: its settings, its join tokens, and what of it may be shown. */
import { wireEqual } from '@swarmkit/sdk/model/wire-equal';
import type { UpdateClusterRequest } from '@swarmkit/sdk/wire/gen/swarmkit/control';
import { Cluster } from '@swarmkit/sdk/wire/gen/swarmkit/objects';
import type { ClusterSpec } from '@swarmkit/sdk/wire/gen/swarmkit/specs';
import { type JoinTokens, RootCA } from '@swarmkit/sdk/wire/gen/swarmkit/types';
import { withoutExpired } from './blacklist.js';
import { withNewSecret } from './join-token.js';
import { missingArgument, notFound, unsupported } from './refusals.js';
import { unlockKeys } from './unlock-keys.js';
import { validateCluster } from './validate-cluster.js';
import { atVersion, update, type WriteContext } from './write-context.js';

export function updateCluster(context: WriteContext, request: UpdateClusterRequest): Cluster {
  const { clusterId, clusterVersion, spec, rotation } = request;
  if (clusterId === '' || clusterVersion === undefined || spec === undefined)
    throw missingArgument();
  validateCluster(spec);
  const old = context.draft.get('cluster', clusterId);
  if (old === undefined) throw notFound('cluster', clusterId);
  refuseUnsupported(old, spec);
  const changed: Cluster = {
    ...old,
    spec,
    rootCa: old.rootCa && {
      ...old.rootCa,
      joinTokens: old.rootCa.joinTokens && rotated(context, old.rootCa.joinTokens, rotation),
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

/** Settings that nothing would act on: better refused than accepted and forgotten. */
function refuseUnsupported(old: Cluster, spec: ClusterSpec): void {
  const ca = spec.caConfig;
  if (ca === undefined) return;
  const rotates =
    ca.signingCaCert.length > 0 ||
    ca.signingCaKey.length > 0 ||
    ca.forceRotate !== (old.rootCa?.lastForcedRotation ?? 0n);
  if (rotates) throw unsupported('rotating the root CA is not available yet');
  if (!wireEqual(ca.externalCas, old.spec?.caConfig?.externalCas ?? []))
    throw unsupported('external CAs are not available yet');
}

/**
 * What of the cluster may be shown; what is not named here stays with the managers. Join tokens are
 * what people ask for. The signing certificate is left out with its key, so that a spec that comes back
 * unchanged changes nothing. Address pools and port show what their absence means.
 */
export const redacted = ({ spec, rootCa, ...cluster }: Cluster): Cluster =>
  Cluster.create({
    id: cluster.id,
    meta: cluster.meta,
    spec: spec && { ...spec, caConfig: spec.caConfig && { ...spec.caConfig, ...noSigner } },
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
