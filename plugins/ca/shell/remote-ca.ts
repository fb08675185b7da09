// The managers' side of an identity, as a node asks for it: roots, certificates, the unlock key. One call
// of this file is one question with its deadline; who is asked, and how often, is the callers' to say.
import type { RpcConnection } from '@swarmkit/sdk/contracts/rpc';
import { type Clock, delay, type Random } from '@swarmkit/sdk/plugin/env';
import { isSwarmError, messageOf, SwarmError } from '@swarmkit/sdk/plugin/errors';
import type { Logger } from '@swarmkit/sdk/plugin/plugin';
import {
  CAService,
  IssueNodeCertificateRequest,
  NodeCAService,
} from '@swarmkit/sdk/wire/gen/swarmkit/ca';
import { IssuanceStatus_State as State } from '@swarmkit/sdk/wire/gen/swarmkit/types';
import type { Availability } from '../core/availability.js';
import { pollAfter } from '../core/renewal.js';
import type { Dial, Guise } from './dial.js';
import type { Kek } from './key-file.js';

/** SwarmKit's, for each of these calls; the status is a long poll that ends by it. */
const ANSWER_MS = 5_000;

export interface CertificateRequest {
  readonly csrPem: string;
  readonly token?: string;
  readonly availability?: Availability;
  /** PEM chain; see the wire's `expired_certificate`. */
  readonly expired?: string;
}

export interface RemoteCaParts {
  readonly dial: Dial;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
}

export class RemoteCa {
  constructor(private readonly parts: RemoteCaParts) {}

  /** The roots as served there, PEM. Nobody vouches for them but a digest that the caller knows. */
  roots(address: string, signal: AbortSignal): Promise<string> {
    return this.calling(address, { as: 'stranger' }, async (connection) => {
      const { certificate } = await connection.unary(
        CAService.getRootCaCertificate,
        {},
        { timeoutMs: ANSWER_MS, signal },
      );
      return certificate.toString();
    });
  }

  /** Asks for a certificate and answers this node's id: the certificate is made by and by. */
  request(
    address: string,
    guise: Guise,
    { csrPem, token = '', availability = 0, expired = '' }: CertificateRequest,
    signal: AbortSignal,
  ): Promise<string> {
    return this.calling(address, guise, async (connection) => {
      const request = IssueNodeCertificateRequest.create({
        csr: Buffer.from(csrPem),
        token,
        availability,
        expiredCertificate: Buffer.from(expired),
      });
      const { nodeId } = await connection.unary(NodeCAService.issueNodeCertificate, request, {
        timeoutMs: ANSWER_MS,
        signal,
      });
      return nodeId;
    });
  }

  /**
   * Waits for the certificate of this request, PEM. Asks the addresses in turn, each as long as it answers.
   * Ends by an answer, by `signal`, when nobody knows the node, and after `limitMs`.
   */
  async certificate(
    addresses: readonly string[],
    guise: Guise,
    { nodeId, csrPem }: { readonly nodeId: string; readonly csrPem: string },
    signal: AbortSignal,
    limitMs = Number.POSITIVE_INFINITY,
  ): Promise<string> {
    const { clock, random, log } = this.parts;
    const csr = Buffer.from(csrPem);
    const end = clock.monotonic() + limitMs;
    let failures = 0;
    for (let turn = 0; ; turn++) {
      const address = addresses[turn % addresses.length] ?? '';
      try {
        const found = await this.calling(address, guise, async (connection) => {
          for (;;) {
            const answer = await this.status(connection, nodeId, csr, signal);
            if (answer !== 'later') return answer;
            if (clock.monotonic() >= end) throw tooLate(nodeId);
            await delay(clock, pollAfter(++failures, random.next()), signal);
          }
        });
        return found;
      } catch (error) {
        if (signal.aborted || !isSwarmError(error) || FINAL.has(error.code)) throw error;
        if (error.kind === 'not-found') throw error;
        log.debug({ err: error, address }, 'the state of the certificate cannot be asked');
        if (clock.monotonic() >= end) throw tooLate(nodeId);
        await delay(clock, pollAfter(++failures, random.next()), signal);
      }
    }
  }

  /** The key that managers keep their keys under; version 0 and none where the cluster has no locks. */
  unlockKey(address: string, guise: Guise, signal: AbortSignal): Promise<Kek> {
    return this.calling(address, guise, async (connection) => {
      try {
        const { unlockKey, version } = await connection.unary(
          CAService.getUnlockKey,
          {},
          { timeoutMs: ANSWER_MS, signal },
        );
        return {
          version: version?.index ?? 0n,
          key: unlockKey.length === 0 ? undefined : unlockKey,
        };
      } catch (error) {
        if (isSwarmError(error) && error.kind === 'unimplemented')
          return { version: 0n, key: undefined };
        throw error;
      }
    });
  }

  private async status(
    connection: RpcConnection,
    nodeId: string,
    csr: Buffer,
    signal: AbortSignal,
  ): Promise<string | 'later'> {
    try {
      const { status, certificate } = await connection.unary(
        NodeCAService.nodeCertificateStatus,
        { nodeId },
        { timeoutMs: ANSWER_MS, signal },
      );
      // A certificate of another request is none of ours, whoever made it: its key is not here.
      const isOurs = certificate !== undefined && csr.equals(certificate.csr);
      const isMade = status?.state === State.ISSUED || status?.state === State.ROTATE;
      if (isOurs && isMade) return certificate.certificate.toString();
      if (isOurs && status?.state === State.FAILED)
        this.parts.log.warn(
          { reason: status.err },
          'the managers could not sign the certificate yet',
        );
      return 'later';
    } catch (error) {
      if (isSwarmError(error) && error.kind === 'deadline-exceeded') return 'later';
      throw error;
    }
  }

  private async calling<T>(
    address: string,
    guise: Guise,
    ask: (connection: RpcConnection) => Promise<T>,
  ): Promise<T> {
    const connection = this.parts.dial(address, guise);
    try {
      return await ask(connection);
    } finally {
      connection.close();
    }
  }
}

const FINAL: ReadonlySet<string> = new Set(['CA_NOT_ISSUED']);

const tooLate = (nodeId: string): SwarmError =>
  new SwarmError(
    'deadline-exceeded',
    'CA_NOT_ISSUED',
    `the managers took the request of node ${nodeId} and have not signed its certificate in time`,
  );

const ATTEMPTS = 5;
const PAUSE_MS = 2_000;

/**
 * Asks the addresses in turn until one answers: five times at most, two seconds apart. An address that
 * refused for good is not asked again. Throws what the last one said.
 */
export async function inTurn<T>(
  addresses: readonly string[],
  clock: Clock,
  signal: AbortSignal,
  ask: (address: string) => Promise<T>,
): Promise<T> {
  let left = addresses;
  let failure: unknown = new SwarmError('unavailable', 'CA_NO_MANAGER', 'no manager is known');
  for (let attempt = 0; attempt < ATTEMPTS && left.length > 0; attempt++) {
    const address = left[attempt % left.length] ?? '';
    if (attempt > 0) await delay(clock, PAUSE_MS, signal);
    signal.throwIfAborted();
    try {
      return await ask(address);
    } catch (error) {
      signal.throwIfAborted();
      failure = error;
      if (isFinal(error)) left = left.filter((other) => other !== address);
    }
  }
  throw failure;
}

/** Asking the same manager again would change nothing. */
const isFinal = (error: unknown): boolean =>
  !isSwarmError(error) ||
  ['invalid-argument', 'permission-denied', 'failed-precondition', 'unauthenticated'].includes(
    error.kind,
  );

export const because = (error: unknown): string => messageOf(error).replace(/[.\s]+$/, '');
