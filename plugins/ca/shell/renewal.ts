// One renewal: over the wire from whichever manager answers, or, as a rescue, by this node's own root key.
import { createPublicKey } from 'node:crypto';
import type { Clock, Random } from '@swarmkit/sdk/plugin/env';
import { isSwarmError, SwarmError } from '@swarmkit/sdk/plugin/errors';
import type { Logger } from '@swarmkit/sdk/plugin/plugin';
import type { Authority } from './authority.js';
import type { Guise } from './dial.js';
import { type Held, holdGiven } from './held-identity.js';
import type { IdentityStore } from './identity-store.js';
import { type Kek, NO_KEK } from './key-file.js';
import type { ManagerList } from './known-managers.js';
import { inTurn, type RemoteCa } from './remote-ca.js';
import { createCsr, generateKey } from './x509.js';

const ATTEMPTS = 5;
/** A request that was taken is signed within moments, or after the leader's next look at it. */
const SIGNING_MS = 60_000;

export interface RenewalParts {
  readonly remote: RemoteCa;
  readonly store: IdentityStore;
  readonly authority: Authority;
  readonly managers: ManagerList;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  /** This node's own control socket, `/path`. */
  readonly controlSocket: string | undefined;
}

export class Renewal {
  constructor(private readonly parts: RenewalParts) {}

  /** Throws when nobody could renew it: later is another try. */
  async run(signal: AbortSignal): Promise<Held> {
    const { store, clock } = this.parts;
    return clock.now() < store.held.identity.notAfter ? this.ask(signal) : this.rescue(signal);
  }

  /**
   * A certificate that ran out while nobody looked. No manager takes it for a connection any more, so it
   * travels inside the request, and the request is signed with its key: managers that allow it renew the
   * same node for that key. Who holds the root key and can ask nobody signs for itself.
   */
  async rescue(signal: AbortSignal): Promise<Held> {
    const { remote, store, authority, clock, log } = this.parts;
    const { identity } = store.held;
    const addresses = this.others();
    try {
      return await inTurn(addresses, clock, signal, async (address) => {
        const csrPem = createCsr({ publicKey: createPublicKey(store.key), privateKey: store.key });
        const guise = { as: 'newcomer', rootsPem: identity.rootsPem } as const;
        const request = { csrPem, expired: identity.certificatePem };
        const nodeId = await remote.request(address, guise, request, signal);
        const chain = await remote.certificate(
          [address],
          guise,
          { nodeId, csrPem },
          signal,
          SIGNING_MS,
        );
        return this.adopt(address, chain, store.key, signal);
      });
    } catch (error) {
      signal.throwIfAborted();
      // Whoever was asked and refused has had the last word.
      if (!authority.canSign || !isUnanswered(error)) throw error;
      log.warn(
        { err: error },
        'the certificate ran out and no manager can be asked: signing it here',
      );
      return store.reissue();
    }
  }

  /** Up to five managers, this node's own first; one that fails is followed by another. */
  private async ask(signal: AbortSignal): Promise<Held> {
    const { remote, store, controlSocket, log } = this.parts;
    const { identity } = store.held;
    const own =
      identity.role === 'manager' && controlSocket !== undefined ? [`unix:${controlSocket}`] : [];
    const addresses = [...own, ...this.others()].slice(0, ATTEMPTS);
    const guise: Guise = { as: 'node', identity, serverName: 'swarm-manager' };
    let failure: unknown;
    for (const address of addresses) {
      try {
        const key = generateKey();
        const csrPem = createCsr(key);
        const nodeId = await remote.request(address, guise, { csrPem }, signal);
        const chain = await remote.certificate(
          [address],
          guise,
          { nodeId, csrPem },
          signal,
          SIGNING_MS,
        );
        return await this.adopt(address, chain, key.privateKey, signal);
      } catch (error) {
        signal.throwIfAborted();
        log.debug({ err: error, address }, 'a manager did not renew the certificate');
        failure = error;
      }
    }
    throw failure ?? noManager();
  }

  private async adopt(
    address: string,
    chain: string,
    key: Parameters<IdentityStore['adopt']>[1],
    signal: AbortSignal,
  ): Promise<Held> {
    const { store, remote } = this.parts;
    const { identity } = store.held;
    const roots = await this.rootsFor(address, chain, key, signal);
    const next = holdGiven(chain, key, roots).identity;
    if (next.nodeId !== identity.nodeId || next.clusterId !== identity.clusterId)
      throw new SwarmError(
        'failed-precondition',
        'CA_CERTIFICATE',
        'the certificate that was given to this node is of no use: it names another node or cluster',
      );
    // Before the key is written: it must not lie in the clear where managers are locked.
    const kek: Kek =
      next.role === 'manager'
        ? await remote.unlockKey(
            address,
            { as: 'node', identity: next, serverName: 'swarm-ca' },
            signal,
          )
        : NO_KEK;
    return store.adopt(chain, key, roots, kek);
  }

  /**
   * The roots that the new certificate chains to: those we have, or, on a worker, those that are served
   * now, if they vouch for our present certificate as well.
   */
  private async rootsFor(
    address: string,
    chain: string,
    key: Parameters<IdentityStore['adopt']>[1],
    signal: AbortSignal,
  ): Promise<string> {
    const { store, remote, log } = this.parts;
    const { identity } = store.held;
    try {
      holdGiven(chain, key, identity.rootsPem);
      return identity.rootsPem;
    } catch (error) {
      if (identity.role !== 'worker') throw error;
      log.warn({ err: error }, 'the new certificate is of roots that are not known here yet');
      return (await store.useRoots(await remote.roots(address, signal))).identity.rootsPem;
    }
  }

  /** In random order: nodes that joined by one address do not all ask the same manager. */
  private others(): readonly string[] {
    const { managers, store, random } = this.parts;
    return managers
      .without(store.held.identity.nodeId)
      .map(({ address }) => ({ address, at: random.next() }))
      .toSorted((a, b) => a.at - b.at)
      .map(({ address }) => address);
  }
}

const isUnanswered = (error: unknown): boolean =>
  isSwarmError(error) && (error.kind === 'unavailable' || error.kind === 'deadline-exceeded');

const noManager = (): SwarmError =>
  new SwarmError('unavailable', 'CA_NO_MANAGER', 'no manager is known that could renew it');
