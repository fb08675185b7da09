import type { CertificateAuthority } from '@swarmkit/sdk/contracts/certificate-authority';
import type { NodeIdentity } from '@swarmkit/sdk/contracts/identity';
import type { Store } from '@swarmkit/sdk/contracts/store';
import { delay, type Env } from '@swarmkit/sdk/plugin/env';
import type { Logger } from '@swarmkit/sdk/plugin/plugin';
import { isSwarmError } from '@swarmkit/sdk/plugin/errors';
import { CLUSTER_WRITER, seed } from '../core/seed.js';

const RETRY_MS = 1_000;

export interface SeederParts {
  readonly store: Store;
  readonly identity: NodeIdentity;
  readonly authority: CertificateAuthority;
  readonly env: Env;
  readonly log: Logger;
}

/**
 * Writes the first objects, trying again until it worked or this node leads no more. What no retry can
 * mend is thrown. True when this founded the cluster.
 */
export async function seedUntilDone(parts: SeederParts, signal: AbortSignal): Promise<boolean> {
  const { store, identity, authority, env, log } = parts;
  const { clusterId, nodeId } = identity.current();
  while (!signal.aborted) {
    try {
      const founded = await store.update(CLUSTER_WRITER, (draft) =>
        seed(draft, {
          clusterId,
          nodeId,
          root: () => authority.bootstrap(),
          id: () => env.id(),
        }),
      );
      if (founded) log.info({ cluster: clusterId, node: nodeId }, 'founded a new cluster');
      return founded;
    } catch (error) {
      // The write may have been made all the same; the next try then finds nothing to do.
      if (signal.aborted) return false;
      if (!isSwarmError(error) || error.kind === 'failed-precondition') throw error;
      log.warn({ err: error }, 'the first objects could not be written: trying again');
      await delay(env.clock, RETRY_MS, signal);
    }
  }
  return false;
}
