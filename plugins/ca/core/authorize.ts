import type { Call } from '@swarmkit/sdk/contracts/rpc';
import { SwarmError } from '@swarmkit/sdk/plugin/errors';
import { type MethodRoles, rolesOf } from '@swarmkit/sdk/wire/method-roles';

/** A method of a service that is not SwarmKit's is for managers. */
const DEFAULT_ROLES: MethodRoles = ['swarm-manager'];

/** Throws unless the peer's certificate has a role that the method admits and is of this cluster. */
export function authorize(call: Pick<Call, 'path' | 'peer'>, clusterId: string): void {
  const roles = rolesOf(call.path) ?? DEFAULT_ROLES;
  if (roles === 'insecure') return;
  const { peer } = call;
  if (peer.nodeId === '' && peer.role === 'none')
    throw refusal('no client certificates in request');
  if (peer.role === 'none' || !roles.includes(`swarm-${peer.role}`))
    throw refusal(`Permission denied: remote certificate not part of OUs: [${roles.join(' ')}]`);
  if (peer.clusterId !== clusterId)
    throw refusal(`Permission denied: remote certificate not part of organization: ${clusterId}`);
}

/** SwarmKit's text: a status inside a status, which its nodes match on. */
const refusal = (detail: string): SwarmError =>
  new SwarmError(
    'permission-denied',
    'CA_UNAUTHORIZED',
    `Permission denied: unauthorized peer role: rpc error: code = PermissionDenied desc = ${detail}`,
  );
