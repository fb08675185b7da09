/** The side of a node that wants to be a member: it asks the managers it knows until the leader agrees. */
import type { RpcClient } from '@swarmkit/sdk/contracts/rpc';
import { type Clock, delay } from '@swarmkit/sdk/plugin/env';
import { messageOf } from '@swarmkit/sdk/plugin/errors';
import type { Logger } from '@swarmkit/sdk/plugin/plugin';
import {
  JoinRequest,
  type JoinResponse,
  RaftMembershipService,
} from '@swarmkit/sdk/wire/gen/swarmkit/raft';

/** SwarmKit's: 5 s and two election timeouts. */
const JOIN_MS = 25_000;
const RETRY_MS = { first: 200, most: 5_000 };

export interface JoinOptions {
  readonly client: RpcClient;
  readonly clock: Clock;
  readonly log: Logger;
  readonly signal: AbortSignal;
  /** Asked anew for each round: more may be known by then. */
  readonly addresses: () => readonly string[];
  readonly request: {
    readonly addr: string;
    readonly features: number;
    /** There is no log here. */
    readonly fresh: boolean;
  };
}

/** Undefined when it was told to stop before anybody agreed. */
export async function askToJoin(options: JoinOptions): Promise<JoinResponse | undefined> {
  const { client, clock, log, signal, addresses } = options;
  const request = JoinRequest.create(options.request);
  for (let waitMs = RETRY_MS.first; !signal.aborted; waitMs = Math.min(2 * waitMs, RETRY_MS.most)) {
    const known = addresses();
    let refusal = 'no address of a manager is known';
    for (const address of known) {
      if (signal.aborted) return undefined;
      try {
        const connection = client.connect(address);
        try {
          return await connection.unary(RaftMembershipService.join, request, {
            timeoutMs: JOIN_MS,
            signal,
          });
        } finally {
          connection.close();
        }
      } catch (error) {
        refusal = `${address}: ${messageOf(error)}`;
      }
    }
    if (signal.aborted) return undefined;
    log.warn(
      { addresses: known },
      `this manager has not been taken into the group yet, it asks again: ${refusal}`,
    );
    await delay(clock, waitMs, signal);
  }
  return undefined;
}
