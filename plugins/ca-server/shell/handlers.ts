/** The wire's verbs. Who calls is the certificate and nothing in the request. */
import { timingSafeEqual, X509Certificate } from 'node:crypto';
import type {
  CertificateAuthority,
  FormerNode,
} from '@swarmkit/sdk/contracts/certificate-authority';
import type { Handler } from '@swarmkit/sdk/contracts/rpc';
import type { Store } from '@swarmkit/sdk/contracts/store';
import { managersSubsystem } from '@swarmkit/sdk/model/unlock-key';
import type { Env } from '@swarmkit/sdk/plugin/env';
import type { Logger } from '@swarmkit/sdk/plugin/plugin';
import type {
  GetRootCACertificateResponse,
  GetUnlockKeyResponse,
  IssueNodeCertificateRequest,
  IssueNodeCertificateResponse,
  NodeCertificateStatusRequest,
  NodeCertificateStatusResponse,
} from '@swarmkit/sdk/wire/gen/swarmkit/ca';
import type { Node } from '@swarmkit/sdk/wire/gen/swarmkit/objects';
import { checkRequest, clusterOf, issue, type IssueParts } from '../core/issue.js';
import { invalidArgument } from '../core/refusals.js';
import type { CertificatePolls } from './certificate-polls.js';
import type { GroupWriter } from './group-writer.js';

export interface NodeCaParts {
  readonly store: Store;
  readonly authority: CertificateAuthority;
  /** How long after its end a certificate is still renewed, ms. */
  readonly graceMs: number;
  readonly env: Env;
  readonly log: Logger;
  readonly writes: GroupWriter;
  readonly polls: CertificatePolls;
}

export function nodeCaHandlers(given: NodeCaParts) {
  const { env, log, writes, polls, authority, graceMs } = given;
  const parts: IssueParts = {
    id: () => env.id(),
    sameText,
    formerRules: () => ({
      now: env.clock.now(),
      graceMs,
      onRecord: (node) => onRecord(authority, node),
    }),
  };
  /** Since this manager leads; in every line, so that the last one tells how many there were. */
  let refused = 0;
  return {
    issueNodeCertificate: {
      unary: async (
        request: IssueNodeCertificateRequest,
        { peer },
      ): Promise<IssueNodeCertificateResponse> => {
        checkRequest(request);
        try {
          const former = peer.role === 'none' ? formerOf(given, request) : undefined;
          const issued = await writes.write((draft) => issue(draft, request, peer, parts, former));
          log.info({ node: issued.nodeId, address: peer.address }, 'a certificate was asked for');
          return issued;
        } catch (error) {
          refused += 1;
          log.warn({ err: error, address: peer.address, refused }, 'a certificate was refused');
          throw error;
        }
      },
    },
    nodeCertificateStatus: {
      unary: async (
        { nodeId }: NodeCertificateStatusRequest,
        { signal },
      ): Promise<NodeCertificateStatusResponse> => {
        if (nodeId === '') throw invalidArgument();
        const { certificate } = await polls.decided(nodeId, signal);
        return { status: certificate?.status, certificate };
      },
    },
  } satisfies Record<string, Handler>;
}

/** Cryptography, so outside of the write. */
function formerOf(
  { store, authority }: NodeCaParts,
  { csr, token, expiredCertificate }: IssueNodeCertificateRequest,
): FormerNode | undefined {
  if (expiredCertificate.length === 0 || token !== '') return undefined;
  const { rootCa } = clusterOf(store.view());
  const roots = [rootCa?.caCert, rootCa?.rootRotation?.caCert];
  return authority.formerNode({
    chainPem: expiredCertificate.toString('latin1'),
    csrPem: csr.toString('latin1'),
    rootsPem: roots.map((root) => root?.toString('latin1') ?? '').join('\n'),
  });
}

/** The founder's own certificate is on no record. */
function onRecord(authority: CertificateAuthority, { certificate }: Node) {
  if (certificate === undefined || certificate.csr.length === 0) return undefined;
  const issued = certificate.certificate.toString('latin1');
  const publicKey =
    authority.publicKeyOf(issued === '' ? certificate.csr.toString('latin1') : issued) ??
    new Uint8Array();
  if (issued === '') return { publicKey };
  try {
    return { publicKey, notAfter: Date.parse(new X509Certificate(issued).validTo) };
  } catch {
    return { publicKey };
  }
}

export const caHandlers = (store: Store) =>
  ({
    getRootCaCertificate: {
      unary: (): GetRootCACertificateResponse => ({
        certificate: clusterOf(store.view()).rootCa?.caCert ?? Buffer.alloc(0),
      }),
    },
    getUnlockKey: {
      unary: (): GetUnlockKeyResponse => {
        const { meta, unlockKeys } = clusterOf(store.view());
        const key = unlockKeys.find(({ subsystem }) => subsystem === managersSubsystem)?.key;
        return { unlockKey: key ?? Buffer.alloc(0), version: meta?.version };
      },
    },
  }) satisfies Record<string, Handler>;

function sameText(a: string, b: string): boolean {
  const [left, right] = [Buffer.from(a), Buffer.from(b)];
  return left.length === right.length && timingSafeEqual(left, right);
}
