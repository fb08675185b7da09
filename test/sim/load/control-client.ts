/** A user of the cluster: calls the Control API of one manager after the other until one answers. */
import type { MethodDefinition } from '@grpc/grpc-js';
import type { RpcClient } from '@swarmkit/sdk/contracts/rpc';
import { delay, type Random } from '@swarmkit/sdk/plugin/env';
import { isSwarmError, messageOf } from '@swarmkit/sdk/plugin/errors';
import type { Life } from '../engine/life.js';

export type Outcome<S> =
  | { readonly how: 'done'; readonly answer: S }
  /** It certainly did not happen. */
  | { readonly how: 'refused'; readonly error: unknown }
  /** It may have happened, or may yet. */
  | { readonly how: 'unknown'; readonly error: unknown };

const callMs = 8_000;

export interface ClientCounts {
  calls: number;
  acknowledged: number;
  refused: number;
  unknown: number;
}

export class ControlClient {
  readonly counts: ClientCounts = { calls: 0, acknowledged: 0, refused: 0, unknown: 0 };
  private favourite = 0;

  constructor(
    readonly life: Life,
    private readonly rpc: RpcClient,
    /** Control sockets. */
    private readonly managers: readonly string[],
    readonly random: Random,
  ) {}

  /** One try at one manager. */
  async call<Q, S>(method: MethodDefinition<Q, S>, request: Q): Promise<Outcome<S>> {
    const { counts, managers } = this;
    counts.calls++;
    const connection = this.rpc.connect(managers[this.favourite % managers.length] as string);
    try {
      const answer = await connection.unary(method, request, { timeoutMs: callMs });
      counts.acknowledged++;
      return { how: 'done', answer };
    } catch (error) {
      if (isRefusal(error)) {
        counts.refused++;
        return { how: 'refused', error };
      }
      counts.unknown++;
      this.favourite++;
      await this.pause(200);
      return { how: 'unknown', error };
    } finally {
      connection.close();
    }
  }

  pause(ms: number): Promise<void> {
    return delay(this.life.clock, this.random.next() * ms, undefined);
  }
}

/** Kinds that the API answers with before it has proposed anything. */
const refusals: readonly string[] = [
  'invalid-argument',
  'not-found',
  'already-exists',
  'failed-precondition',
  'unimplemented',
  'out-of-range',
];

const isRefusal = (error: unknown): boolean =>
  isSwarmError(error) &&
  (refusals.includes(error.kind) || messageOf(error).includes('update out of sequence'));
