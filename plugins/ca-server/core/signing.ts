// Which nodes wait for a signature, and what becomes of them. A function of the node object alone, so
// that a new leader goes on where the old one stopped.
import type { SignRequest } from '@swarmkit/sdk/contracts/certificate-authority';
import type { Draft } from '@swarmkit/sdk/contracts/store';
import { durationToMs } from '@swarmkit/sdk/model/time';
import type { Cluster, Node } from '@swarmkit/sdk/wire/gen/swarmkit/objects';
import { NodeSpec_Membership } from '@swarmkit/sdk/wire/gen/swarmkit/specs';
import {
  type Certificate,
  IssuanceStatus_State,
  NodeRole,
} from '@swarmkit/sdk/wire/gen/swarmkit/types';

export function needsSignature(node: Node): boolean {
  const state = node.certificate?.status?.state;
  return (
    state === IssuanceStatus_State.RENEW ||
    (state === IssuanceStatus_State.PENDING &&
      node.spec?.membership === NodeSpec_Membership.ACCEPTED)
  );
}

/** Whether who asks for this node's certificate has an answer now. */
export function isDecided(node: Node): boolean {
  const state = node.certificate?.status?.state;
  return (
    state === IssuanceStatus_State.ISSUED ||
    state === IssuanceStatus_State.FAILED ||
    state === IssuanceStatus_State.ROTATE
  );
}

export const signRequest = (certificate: Certificate, cluster: Cluster): SignRequest => ({
  csrPem: certificate.csr.toString('latin1'),
  nodeId: certificate.cn,
  clusterId: cluster.id,
  role: certificate.role === NodeRole.MANAGER ? 'manager' : 'worker',
  expiryMs: durationToMs(cluster.spec?.caConfig?.nodeCertExpiry) ?? 0,
});

/** What came of one request. */
export interface Outcome {
  readonly nodeId: string;
  /** The request that was looked at: a later one of the same node waits for its own. */
  readonly asked: Certificate;
  readonly result: { readonly certificatePem: string } | { readonly problem: string };
}

export function record(draft: Draft, { nodeId, asked, result }: Outcome): void {
  const node = draft.get('node', nodeId);
  const now = node?.certificate;
  if (node === undefined || now === undefined || !needsSignature(node)) return;
  if (!now.csr.equals(asked.csr) || now.role !== asked.role) return;
  const certificate: Certificate =
    'problem' in result
      ? { ...now, status: { state: IssuanceStatus_State.FAILED, err: result.problem } }
      : {
          ...now,
          status: { state: IssuanceStatus_State.ISSUED, err: '' },
          certificate: Buffer.from(result.certificatePem),
        };
  draft.update('node', { ...node, certificate });
}
