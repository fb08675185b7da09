import type { Call } from '@swarmkit/sdk/contracts/rpc';
import { SwarmError } from '@swarmkit/sdk/plugin/errors';
import { type MethodRoles, rolesOf } from '@swarmkit/sdk/wire/method-roles';

/** A method of a service that is not SwarmKit's is for managers. */
const DEFAULT_ROLES: MethodRoles = ['swarm-manager'];
/** Services about one node, whatever its role: on its own socket, whose file mode decides who may call. */
const OWN_NODE = '/swarmkit.node.v1.';

/**
 * Throws unless the caller has a role that the method admits and is of this cluster. Of a call that a
 * manager passed on, the rpc server has judged that manager already.
 */
export function authorize(
  call: Pick<Call, 'path' | 'peer'> & Partial<Pick<Call, 'exposure'>>,
  clusterId: string,
): void {
  if (call.exposure === 'control' && call.path.startsWith(OWN_NODE)) return;
  const roles = rolesOf(call.path) ?? DEFAULT_ROLES;
  if (roles === 'insecure') return;
  const { peer } = call;
  const hasRole = peer.role !== 'none' && roles.includes(`swarm-${peer.role}`);
  if (peer.forwardedBy !== undefined) {
    if (!hasRole) throw refusal(`unauthorized forwarded role, expecting: [${roles.join(' ')}]`);
    if (peer.clusterId !== clusterId)
      throw refusal(`organization mismatch, expecting: ${clusterId}`);
    return;
  }
  if (peer.nodeId === '' && peer.role === 'none')
    throw unauthorized('no client certificates in request');
  if (!hasRole)
    throw unauthorized(
      `Permission denied: remote certificate not part of OUs: [${roles.join(' ')}]`,
    );
  if (peer.clusterId !== clusterId)
    throw unauthorized(
      `Permission denied: remote certificate not part of organization: ${clusterId}`,
    );
}

/** SwarmKit's text: a status inside a status, which its nodes match on. */
const unauthorized = (detail: string): SwarmError =>
  refusal(`unauthorized peer role: rpc error: code = PermissionDenied desc = ${detail}`);

const refusal = (detail: string): SwarmError =>
  new SwarmError('permission-denied', 'CA_UNAUTHORIZED', `Permission denied: ${detail}`);
