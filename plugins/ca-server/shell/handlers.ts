/** The wire's verbs. Who calls is the certificate and nothing in the request. */
import { timingSafeEqual } from 'node:crypto';
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
import { checkRequest, clusterOf, issue, type IssueParts } from '../core/issue.js';
import { invalidArgument } from '../core/refusals.js';
import type { CertificatePolls } from './certificate-polls.js';
import type { GroupWriter } from './group-writer.js';

export interface NodeCaParts {
  readonly env: Env;
  readonly log: Logger;
  readonly writes: GroupWriter;
  readonly polls: CertificatePolls;
}

export function nodeCaHandlers({ env, log, writes, polls }: NodeCaParts) {
  const parts: IssueParts = { id: () => env.id(), sameText };
  return {
    issueNodeCertificate: {
      unary: async (
        request: IssueNodeCertificateRequest,
        { peer },
      ): Promise<IssueNodeCertificateResponse> => {
        checkRequest(request);
        try {
          const issued = await writes.write((draft) => issue(draft, request, peer, parts));
          log.info({ node: issued.nodeId, address: peer.address }, 'a certificate was asked for');
          return issued;
        } catch (error) {
          log.warn({ err: error, address: peer.address }, 'a certificate was refused');
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
