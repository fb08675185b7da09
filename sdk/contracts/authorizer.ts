import { extensionPoint } from '../plugin/token.js';
import type { Call } from './rpc.js';

/**
 * May this peer make this call? All must agree; the first refusal (SwarmError permission-denied or
 * unauthenticated) is the answer. Any number of contributions, asked in the order of ids.
 */
export interface Authorizer {
  readonly id: string;
  /** Throws to refuse. Synchronous: it stands before every call. */
  authorize(call: Call): void;
}

export const Authorizers = extensionPoint<Authorizer>('swarmkit.authorizer.v1');
