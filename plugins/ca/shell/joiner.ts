// How a node without an identity gets one from a cluster: the roots, pinned by the token's digest; a
// request with the token; the certificate. Nothing is kept of what did not check.
import { createHash, getFips } from 'node:crypto';
import type { Clock } from '@swarmkit/sdk/plugin/env';
import { SwarmError } from '@swarmkit/sdk/plugin/errors';
import type { Logger } from '@swarmkit/sdk/plugin/plugin';
import { type AvailabilityName, availabilityOf } from '../core/availability.js';
import { parseJoinToken } from '@swarmkit/sdk/model/join-token';
import type { CertificateFolder } from './folder.js';
import { type Held, holdGiven } from './held-identity.js';
import type { IdentityStore } from './identity-store.js';
import type { ManagerList } from './known-managers.js';
import { because, inTurn, type RemoteCa } from './remote-ca.js';
import { createCsr, generateKey } from './x509.js';

export interface JoinConfig {
  /** `host:port` of managers. */
  readonly addresses: readonly string[];
  readonly token?: string;
  readonly availability?: AvailabilityName;
}

export interface JoinerParts {
  readonly remote: RemoteCa;
  readonly folder: CertificateFolder;
  readonly store: IdentityStore;
  readonly managers: ManagerList;
  readonly clock: Clock;
  readonly log: Logger;
}

export async function join(
  parts: JoinerParts,
  { addresses, token, availability = 'active' }: JoinConfig,
  savedRoots: string | undefined,
  signal: AbortSignal,
): Promise<Held> {
  const { remote, folder, store, managers, clock, log } = parts;
  if (token === undefined)
    throw new SwarmError(
      'failed-precondition',
      'CA_JOIN',
      'this node has no identity yet, and joining takes a token: give the one that swarmctl cluster inspect shows on a manager',
    );
  const { digest, fips } = parseJoinToken(token);
  if (fips && getFips() !== 1)
    throw new SwarmError(
      'failed-precondition',
      'CA_FIPS',
      'the cluster of this join token mandates FIPS, and this node does not run in FIPS mode',
    );

  const isPinned = savedRoots !== undefined && digestOf(savedRoots) === digest;
  const rootsPem = isPinned
    ? savedRoots
    : await inTurn(addresses, clock, signal, async (address) => {
        const served = await remote.roots(address, signal);
        if (digestOf(served) !== digest) throw foreign(address, digest);
        return served;
      }).catch(failed(addresses, signal));
  await folder.saveRoots(rootsPem);

  const key = generateKey();
  const csrPem = createCsr(key);
  const guise = { as: 'newcomer', rootsPem } as const;
  const request = { csrPem, token, availability: availabilityOf(availability) };
  log.info({ addresses }, 'asking to join the cluster');
  const nodeId = await inTurn(addresses, clock, signal, (address) =>
    remote.request(address, guise, request, signal),
  ).catch(failed(addresses, signal));
  const chain = await remote
    .certificate(addresses, guise, { nodeId, csrPem }, signal)
    .catch(failed(addresses, signal));
  const held = holdGiven(chain, key.privateKey, rootsPem);
  if (held.identity.nodeId !== nodeId)
    throw new SwarmError(
      'failed-precondition',
      'CA_JOIN',
      `the managers gave the id ${nodeId} and signed a certificate of ${held.identity.nodeId}`,
    );
  const kek =
    held.identity.role === 'manager'
      ? await inTurn(addresses, clock, signal, (address) =>
          remote.unlockKey(
            address,
            { as: 'node', identity: held.identity, serverName: 'swarm-ca' },
            signal,
          ),
        ).catch(failed(addresses, signal))
      : undefined;
  // Before the certificate: who has one is never asked again whom it joined by.
  await managers.use(addresses.map((address) => ({ nodeId: '', address })));
  const joined = await store.adopt(chain, key.privateKey, rootsPem, kek);
  const { clusterId, role } = joined.identity;
  log.info({ cluster: clusterId, node: nodeId, role }, `joined the cluster as a ${role}`);
  return joined;
}

const digestOf = (pem: string): string =>
  `sha256:${createHash('sha256').update(pem).digest('hex')}`;

/** SwarmKit's text, and what to do about it. */
const foreign = (address: string, digest: string): SwarmError =>
  new SwarmError(
    'failed-precondition',
    'CA_FINGERPRINT',
    `remote CA does not match fingerprint. Expected: ${digest.slice('sha256:'.length)}: ${address} is a manager of another cluster than the join token's`,
  );

const failed =
  (addresses: readonly string[], signal: AbortSignal) =>
  (cause: unknown): never => {
    signal.throwIfAborted();
    throw new SwarmError(
      'failed-precondition',
      'CA_JOIN',
      `this node cannot join the cluster by ${addresses.join(', ')}: ${because(cause)}`,
      { cause },
    );
  };
