// How one manager passes a call on to another and says whose it is: the metadata, and who is believed.
// SwarmKit's, key for key and text for text. Used by whoever serves calls and by whoever passes them on.
import type { Peer } from '../contracts/rpc.js';
import { SwarmError } from '../plugin/errors.js';

/** Keys that say whose call it is. Of an incoming call they are never passed on. */
export const FORWARDED = 'forwarded_cert';
export const FORWARDED_KEYS: readonly string[] = [
  FORWARDED,
  'forwarded_cert_cn',
  'forwarded_cert_org',
  'forwarded_cert_ou',
  'remote_addr',
];
/** Present on a call that was passed on once: it must not be a second time. */
export const REDIRECT = 'redirect';

/** What a manager sends along for this caller. Blank for one without a certificate: it must be said too. */
export function forwardedMetadata(peer: Peer): Record<string, string> {
  return {
    [FORWARDED]: 'true',
    forwarded_cert_cn: peer.nodeId,
    forwarded_cert_org: peer.clusterId,
    ...(peer.role === 'none' ? {} : { forwarded_cert_ou: `swarm-${peer.role}` }),
    remote_addr: peer.address,
  };
}

export const roleOfUnits = (units: readonly string[]): Peer['role'] =>
  units.includes('swarm-manager') ? 'manager' : units.includes('swarm-worker') ? 'worker' : 'none';

/**
 * Whose call it is. `direct` is who sent it here; `header` gives the values of a metadata key.
 * `open`: callers without a certificate may make this call too, and then who cannot be believed is taken
 * for one of those; otherwise that is refused.
 */
export function callerOf(
  direct: Peer,
  header: (key: string) => readonly string[],
  clusterId: string,
  open: boolean,
): Peer {
  const marks = header(FORWARDED);
  if (marks.length !== 1 || marks[0] !== 'true') return direct;
  const refusal = forwarderRefusal(direct, clusterId);
  if (refusal !== undefined) {
    if (open) return nobodyAt(direct.address);
    throw refusal;
  }
  const nodeId = header('forwarded_cert_cn')[0] ?? '';
  const organization = header('forwarded_cert_org')[0] ?? '';
  const units = header('forwarded_cert_ou')
    .flatMap((value) => value.split(','))
    .map((unit) => unit.trim())
    .filter((unit) => unit !== '');
  const via = { forwardedBy: direct.nodeId, address: header('remote_addr')[0] ?? direct.address };
  if (nodeId === '' || organization === '' || units.length === 0) {
    if (open) return { ...nobodyAt(via.address), ...via };
    throw denied('missing information in forwarded request');
  }
  return { nodeId, clusterId: organization, role: roleOfUnits(units), ...via };
}

function forwarderRefusal(forwarder: Peer, clusterId: string): SwarmError | undefined {
  const detail =
    forwarder.nodeId === '' && forwarder.role === 'none'
      ? 'no client certificates in request'
      : forwarder.role !== 'manager'
        ? 'Permission denied: remote certificate not part of OUs: [swarm-manager]'
        : forwarder.clusterId !== clusterId
          ? `Permission denied: remote certificate not part of organization: ${clusterId}`
          : undefined;
  return detail === undefined
    ? undefined
    : denied(`unauthorized forwarder role: rpc error: code = PermissionDenied desc = ${detail}`);
}

const nobodyAt = (address: string): Peer => ({ nodeId: '', clusterId: '', role: 'none', address });

const denied = (detail: string): SwarmError =>
  new SwarmError('permission-denied', 'RPC_FORWARDED', `Permission denied: ${detail}`);
