/**
 * Works out the root that an update of the cluster asks for, before it is written: signing across may
 * take an authority elsewhere. What is written is checked against the version that this saw.
 */
import type { CertificateAuthority } from '@swarmkit/sdk/contracts/certificate-authority';
import type { ExternalAuthority } from '@swarmkit/sdk/contracts/external-authority';
import { externalUrls } from '@swarmkit/sdk/model/external-ca';
import type { UpdateClusterRequest } from '@swarmkit/sdk/wire/gen/swarmkit/control';
import type { Cluster } from '@swarmkit/sdk/wire/gen/swarmkit/objects';
import type { ClusterSpec } from '@swarmkit/sdk/wire/gen/swarmkit/specs';
import type { RootCA } from '@swarmkit/sdk/wire/gen/swarmkit/types';
import { invalid, unsupported } from '../core/refusals.js';
import { type ExternalNeed, type NewRoot, planRoot, rotating } from '../core/root-change.js';
import { validateCluster } from '../core/validate-cluster.js';

export interface RootChangeParts {
  readonly authority: CertificateAuthority | undefined;
  readonly external: ExternalAuthority | undefined;
  readonly now: () => number;
}

/** Undefined: the root stays as it is, or the request is one that the write refuses. */
export async function changedRoot(
  { authority, external, now }: RootChangeParts,
  old: Cluster | undefined,
  { clusterVersion, spec }: UpdateClusterRequest,
): Promise<RootCA | undefined> {
  if (old === undefined || spec === undefined || clusterVersion === undefined) return undefined;
  if (old.meta?.version?.index !== clusterVersion.index) return undefined;
  validateCluster(spec);
  if (authority === undefined) return refuseChange(old, spec);
  const { to, needs } = planRoot(old, spec, authority, now());
  for (const need of needs) await reach(external, need, old, spec);
  if (to.do === 'keep' || old.rootCa === undefined) return undefined;
  if (to.do === 'settled') return to.rootCa;
  const root = to.root === 'fresh' ? authority.createRoot() : to.root;
  const crossSigned = await crossSign(authority, external, old, old.rootCa, root, spec);
  return rotating(old.rootCa, root, crossSigned, spec.caConfig?.forceRotate ?? 0n);
}

/** Settings that nothing would act on: better refused than accepted and forgotten. */
function refuseChange({ rootCa }: Cluster, { caConfig }: ClusterSpec): undefined {
  if (caConfig === undefined) return undefined;
  const { signingCaCert, signingCaKey, externalCas, forceRotate } = caConfig;
  const given = signingCaCert.length + signingCaKey.length + externalCas.length > 0;
  if (given || forceRotate !== (rootCa?.lastForcedRotation ?? 0n))
    throw unsupported('this distribution has no certificate authority');
  return undefined;
}

async function reach(
  external: ExternalAuthority | undefined,
  { which, rootPem }: ExternalNeed,
  old: Cluster,
  spec: ClusterSpec,
): Promise<void> {
  const urls = externalUrls(spec.caConfig?.externalCas ?? [], rootPem, old);
  if (external === undefined && urls.length > 0)
    throw unsupported('this distribution has no plugin for external CAs');
  const roots = `${old.rootCa?.caCert.toString('latin1') ?? ''}\n${rootPem}`;
  for (const url of urls) if (await external?.isReachable(url, roots)) return;
  throw invalid(
    `there must be at least one valid, reachable external CA corresponding to the ${which} CA certificate`,
  );
}

function crossSign(
  authority: CertificateAuthority,
  external: ExternalAuthority | undefined,
  old: Cluster,
  rootCa: RootCA,
  root: NewRoot,
  spec: ClusterSpec,
): Promise<string> | string {
  const certificatePem = rootCa.caCert.toString('latin1');
  if (rootCa.caKey.length > 0)
    return authority.crossSign(
      { certificatePem, keyPem: rootCa.caKey.toString('latin1') },
      root.certificatePem,
    );
  if (external === undefined) throw unsupported('this distribution has no plugin for external CAs');
  const urls = externalUrls(spec.caConfig?.externalCas ?? [], certificatePem, old);
  return external.crossSign({ urls, rootsPem: certificatePem }, root);
}
