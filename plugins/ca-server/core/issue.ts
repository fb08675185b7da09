// Who may have a certificate, and what of it is written down. Signing is somebody else's: it follows
// from the node object.
import type { FormerNode } from '@swarmkit/sdk/contracts/certificate-authority';
import type { Peer } from '@swarmkit/sdk/contracts/rpc';
import type { Draft } from '@swarmkit/sdk/contracts/store';
import type { IssueNodeCertificateRequest } from '@swarmkit/sdk/wire/gen/swarmkit/ca';
import { type Cluster, Node } from '@swarmkit/sdk/wire/gen/swarmkit/objects';
import { NodeSpec_Membership } from '@swarmkit/sdk/wire/gen/swarmkit/specs';
import {
  type Certificate,
  IssuanceStatus_State,
  NodeRole,
} from '@swarmkit/sdk/wire/gen/swarmkit/types';
import { callerId } from './caller.js';
import { checkFormer, type FormerRules, MAX_CHAIN_BYTES } from './former.js';
import { csrTooLong, invalidArgument, noToken, renewalOfNobody, starting } from './refusals.js';

/** A request for an RSA key of 16,384 bits takes a third of it. It is kept in the node object. */
const MAX_CSR_BYTES = 16 * 1024;

export interface IssueParts {
  id(): string;
  /** In the same time for every text of the same length. */
  sameText(a: string, b: string): boolean;
  formerRules(): FormerRules;
}

export interface Issued {
  readonly nodeId: string;
  readonly nodeMembership: NodeSpec_Membership;
}

/** Needs no store. */
export function checkRequest({ csr, expiredCertificate }: IssueNodeCertificateRequest): void {
  if (csr.length === 0) throw invalidArgument();
  if (expiredCertificate.length > MAX_CHAIN_BYTES) throw invalidArgument();
  if (csr.length > MAX_CSR_BYTES) throw csrTooLong(MAX_CSR_BYTES);
}

/** `former`: the node that the request shows a certificate of, which ran out. */
export function issue(
  draft: Draft,
  request: IssueNodeCertificateRequest,
  peer: Peer,
  parts: IssueParts,
  former?: FormerNode,
): Issued {
  const cluster = clusterOf(draft);
  const caller = callerId(peer, cluster);
  if (caller !== undefined) return renew(draft, caller, request.csr);
  if (former === undefined) return join(draft, cluster, request, parts);
  checkFormer(former, cluster, draft.get('node', former.nodeId), parts.formerRules());
  return renew(draft, former.nodeId, request.csr);
}

export function clusterOf(view: Pick<Draft, 'find'>): Cluster {
  const [cluster] = view.find('cluster', { by: 'all' });
  // The leader has not founded it yet.
  if (cluster?.rootCa === undefined) throw starting();
  return cluster;
}

/** The token alone decides the role; what else a request says of itself is not looked at. */
function join(
  draft: Draft,
  cluster: Cluster,
  { csr, token, availability }: IssueNodeCertificateRequest,
  parts: IssueParts,
): Issued {
  const role = roleOf(cluster, token, parts);
  if (role === undefined) throw noToken();
  const id = freeId(draft, parts);
  const nodeMembership = NodeSpec_Membership.ACCEPTED;
  const node = Node.fromPartial({
    id,
    role,
    spec: { annotations: {}, desiredRole: role, membership: nodeMembership, availability },
    status: {},
    certificate: requested(IssuanceStatus_State.PENDING, id, role, csr),
    VXLANUDPPort: cluster.VXLANUDPPort,
  });
  draft.create('node', node);
  return { nodeId: id, nodeMembership };
}

/** Both are compared, whichever fits: the time says nothing of which one was close. */
function roleOf({ rootCa }: Cluster, token: string, parts: IssueParts): NodeRole | undefined {
  const { manager = '', worker = '' } = rootCa?.joinTokens ?? {};
  const isManager = parts.sameText(token, manager);
  const isWorker = parts.sameText(token, worker);
  if (token === '') return undefined;
  return isManager ? NodeRole.MANAGER : isWorker ? NodeRole.WORKER : undefined;
}

function freeId(draft: Draft, { id }: IssueParts): string {
  let fresh = id();
  while (draft.get('node', fresh) !== undefined) fresh = id();
  return fresh;
}

/** Only ever the caller's own node, in the role that the managers gave it. */
function renew(draft: Draft, nodeId: string, csr: Buffer): Issued {
  const node = draft.get('node', nodeId);
  if (node === undefined) throw renewalOfNobody(nodeId);
  const nodeMembership = node.spec?.membership ?? NodeSpec_Membership.PENDING;
  const certificate = requested(IssuanceStatus_State.RENEW, nodeId, node.role, csr);
  draft.update('node', { ...node, certificate });
  return { nodeId, nodeMembership };
}

const requested = (
  state: IssuanceStatus_State,
  cn: string,
  role: NodeRole,
  csr: Buffer,
): Certificate => ({
  role,
  csr,
  status: { state, err: '' },
  certificate: Buffer.alloc(0),
  cn,
});
