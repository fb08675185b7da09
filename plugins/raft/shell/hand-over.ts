/** A leader hands over to another member, and says when it is done. */
import type { Leadership } from '@swarmkit/sdk/contracts/consensus';
import { type Clock, delay } from '@swarmkit/sdk/plugin/env';
import { filter, firstValueFrom, type Observable } from 'rxjs';
import type { Raft } from '../core/raft.js';
import { changeRefused, notTaken } from './raft-error.js';

/** By then the core has given up: an election timeout of SwarmKit's. */
const TRANSFER_MS = 12_000;

export interface HandOver {
  readonly raft: Raft;
  readonly raftId: bigint;
  readonly clock: Clock;
  readonly ending: AbortSignal;
  readonly leadership$: Observable<Leadership>;
  readonly isReachable: (raftId: bigint) => boolean;
  readonly wake: () => void;
}

/** Resolves when this member does not lead any more. Without a wish the best member is chosen. */
export async function handOver(parts: HandOver, wanted: bigint | undefined): Promise<void> {
  const { raft, clock, ending, leadership$, wake } = parts;
  const to = wanted ?? heir(parts);
  const refusal = to === undefined ? 'impossible' : raft.transferLeader(to);
  if (refusal !== undefined) throw changeRefused(refusal);
  wake();
  let done = false;
  const ended = firstValueFrom(leadership$.pipe(filter(({ leading }) => !leading))).then(() => {
    done = true;
  });
  await Promise.race([ended, delay(clock, TRANSFER_MS, ending)]);
  if (!done && !ending.aborted) throw notTaken(to ?? 0n);
}

/** The voter that has most of the log, of those that can be reached. */
function heir({ raft, raftId, isReachable }: HandOver): bigint | undefined {
  const match = (id: bigint): bigint => raft.progress(id)?.match ?? 0n;
  return raft.voters
    .filter((id) => id !== raftId && isReachable(id))
    .toSorted((a, b) => (match(a) > match(b) ? -1 : 1))[0];
}
