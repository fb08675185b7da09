// Moving every node from one root certificate to another. A function of nodes and cluster object: a new
// leader goes on where the old one stopped.
import type { RootFacts, RootTokens } from '@swarmkit/sdk/contracts/certificate-authority';
import type { Draft, View } from '@swarmkit/sdk/contracts/store';
import { timestampToMs } from '@swarmkit/sdk/model/time';
import type { Cluster, Node } from '@swarmkit/sdk/wire/gen/swarmkit/objects';
import { IssuanceStatus_State, type RootRotation } from '@swarmkit/sdk/wire/gen/swarmkit/types';

/** SwarmKit's numbers: so many nodes are asked to renew, and then no more for this long. */
const BATCH = 30;
export const BATCH_MS = 3_000;
/** Time for a node to come back with the certificate that it was given, before it is asked again. */
const REPORT_MS = 30_000;

export type Issuer = Pick<RootFacts, 'subject' | 'publicKey'>;

export const rotationOf = (cluster: Cluster | undefined): RootRotation | undefined =>
  cluster?.rootCa?.rootRotation;

/** What the node says of the certificate that it uses. */
function hasMoved({ description }: Node, { subject, publicKey }: Issuer): boolean {
  const info = description?.tlsInfo;
  if (info === undefined) return false;
  return info.certIssuerSubject.equals(subject) && info.certIssuerPublicKey.equals(publicKey);
}

/** Nodes that have not moved yet, and of those the ones to be asked now. */
export function remaining(
  view: View,
  rotation: RootRotation,
  issuer: Issuer,
  now: number,
): { readonly left: number; readonly ask: readonly Node[] } {
  const left = view.find('node', { by: 'all' }).filter((node) => !hasMoved(node, issuer));
  return {
    left: left.length,
    ask: left.filter((node) => mayBeAsked(node, rotation, now)).slice(0, BATCH),
  };
}

/** One that is about to renew anyway is left alone, and so is one that has just been given what it needs. */
function mayBeAsked({ certificate, meta }: Node, rotation: RootRotation, now: number): boolean {
  switch (certificate?.status?.state) {
    case IssuanceStatus_State.RENEW:
    case IssuanceStatus_State.PENDING:
    case IssuanceStatus_State.ROTATE:
      return false;
    case IssuanceStatus_State.ISSUED:
      return (
        !certificate.certificate.includes(rotation.crossSignedCaCert) ||
        now - (timestampToMs(meta?.updatedAt) ?? 0) >= REPORT_MS
      );
    default:
      return certificate !== undefined;
  }
}

export function askToRenew(draft: Draft, nodes: readonly Node[]): void {
  for (const { id } of nodes) {
    const node = draft.get('node', id);
    if (node?.certificate === undefined) continue;
    const status = { state: IssuanceStatus_State.ROTATE, err: '' };
    draft.update('node', { ...node, certificate: { ...node.certificate, status } });
  }
}

/** The new root is the root; whoever knew a join token of the old one needs a new one. */
export function finish(draft: Draft, cluster: Cluster, tokens: RootTokens): void {
  const { rootCa } = cluster;
  const rotation = rootCa?.rootRotation;
  if (rootCa === undefined || rotation === undefined) return;
  draft.update('cluster', {
    ...cluster,
    rootCa: {
      ...rootCa,
      caCert: rotation.caCert,
      caKey: rotation.caKey,
      caCertHash: tokens.digest,
      joinTokens: { worker: tokens.workerToken, manager: tokens.managerToken },
      rootRotation: undefined,
    },
  });
}
