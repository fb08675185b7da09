import type { Call } from '@swarmkit/sdk/contracts/rpc';
import type { View } from '@swarmkit/sdk/contracts/store';
import { SwarmError } from '@swarmkit/sdk/plugin/errors';
import { rolesOf } from '@swarmkit/sdk/wire/method-roles';

/** A call as far as it matters here; `forwardedBy` is there when a manager passed it on. */
export type Caller = Pick<Call, 'path' | 'exposure'> & {
  readonly peer: { readonly nodeId: string; readonly forwardedBy?: string };
};

/**
 * Throws when the caller's certificate, or that of the manager that passed its call on, is one of a
 * removed node. Methods for everybody stay open: with a token it may join again, as another node.
 */
export function refuseRemoved({ path, exposure, peer }: Caller, view: View): void {
  // The socket's callers are whoever may open it on this machine.
  if (exposure === 'control' || rolesOf(path) === 'insecure') return;
  const [cluster] = view.find('cluster', { by: 'all' });
  if (cluster === undefined) return;
  const isRemoved = (id: string): boolean => Object.hasOwn(cluster.blacklistedCertificates, id);
  const { nodeId, forwardedBy } = peer;
  if (forwardedBy !== undefined && isRemoved(forwardedBy)) throw removed('forwarder', forwardedBy);
  if (isRemoved(nodeId)) throw removed('peer', nodeId);
}

/** SwarmKit's text: a status inside a status, which its nodes match on. */
const removed = (who: 'peer' | 'forwarder', nodeId: string): SwarmError =>
  new SwarmError(
    'permission-denied',
    'REMOVED_NODE',
    `Permission denied: unauthorized ${who} role: rpc error: code = PermissionDenied desc = Permission denied: node ${nodeId} was removed from swarm`,
  );
