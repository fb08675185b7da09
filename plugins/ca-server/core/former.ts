// A node whose certificate ran out while it was off. It cannot connect with it any more, so it shows the
// certificate inside its request, which its key has signed; that is proven before this is asked.
import type { FormerNode } from '@swarmkit/sdk/contracts/certificate-authority';
import { wireEqual } from '@swarmkit/sdk/model/wire-equal';
import type { Cluster, Node } from '@swarmkit/sdk/wire/gen/swarmkit/objects';
import { formerRefused } from './refusals.js';

/** How large a chain may be that anybody can send. */
export const MAX_CHAIN_BYTES = 16 * 1024;

export interface FormerRules {
  readonly now: number;
  /** How long after its end a certificate is still renewed, ms. */
  readonly graceMs: number;
  /** Key, and end of validity, of the certificate or request that is on record. */
  onRecord(node: Node): { readonly publicKey: Uint8Array; readonly notAfter?: number } | undefined;
}

/**
 * Throws unless this certificate may be renewed now. Certificates and requests are public, so a replay of
 * both must not disturb a node that goes on with a newer key.
 */
export function checkFormer(
  former: FormerNode,
  cluster: Cluster,
  node: Node | undefined,
  { now, graceMs, onRecord }: FormerRules,
): void {
  const { nodeId, clusterId, notAfter, publicKey } = former;
  const refuse = (reason: string) => formerRefused(nodeId, reason);
  if (clusterId !== cluster.id) throw refuse('it is of another cluster');
  if (now < notAfter) throw refuse('it has not run out');
  if (now > notAfter + graceMs) throw refuse('it ran out too long ago');
  if (Object.hasOwn(cluster.blacklistedCertificates, nodeId) || node === undefined)
    throw refuse('the node was removed');
  const known = onRecord(node);
  if (known === undefined || wireEqual(known.publicKey, publicKey)) return;
  if (known.notAfter === undefined || now < known.notAfter)
    throw refuse('the node has a newer one');
}
