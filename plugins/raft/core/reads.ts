/**
 * Reads that wait for proof that this member, or the leader it asked, still leads: plain bookkeeping,
 * what is done with it is in read-index.ts.
 */

/** A round's number, as heartbeats carry it. */
export const ROUND_BYTES = 8;
const NO_CONTEXT = Buffer.alloc(0);

/** The answer to one `readIndex`. */
export interface ReadAnswer {
  readonly context: Buffer;
  /** Everything up to here must be applied before the read. Undefined: ask again, the leader changed. */
  readonly index: bigint | undefined;
}

/** Reads that are answered together: our own, or those of a follower, who knows them by one context. */
export interface ReadRequest {
  readonly from: bigint;
  readonly contexts: readonly Buffer[];
}

/** A round of heartbeats goes out; who answers it, or a later one, agrees that we led after `index`. */
export interface ReadRound {
  readonly round: bigint;
  readonly index: bigint;
  readonly requests: readonly ReadRequest[];
}

export class Reads {
  /** Our own callers', since the last ready. */
  asked: Buffer[] = [];
  /** Followers', since the last ready. */
  foreign: ReadRequest[] = [];
  /** Rounds that no majority has answered yet, oldest first. */
  rounds: ReadRound[] = [];
  /** Number of the newest round. Never goes back, so that no answer is taken for one to another round. */
  newest = 0n;
  /** On a follower: what the leader was asked, by the context that it was asked with. */
  readonly forwarded = new Map<string, readonly Buffer[]>();
  /** For the next ready. */
  answers: ReadAnswer[] = [];

  /** What a heartbeat carries so that its answer confirms every round that waits. */
  get context(): Buffer {
    if (this.rounds.length === 0) return NO_CONTEXT;
    const context = Buffer.allocUnsafe(ROUND_BYTES);
    context.writeBigUInt64BE(this.newest);
    return context;
  }

  /** The role ends: our own callers must ask again, followers will. */
  abandon(id: bigint): void {
    const mine = this.rounds.flatMap(({ requests }) =>
      requests.filter(({ from }) => from === id).flatMap(({ contexts }) => contexts),
    );
    for (const context of [...mine, ...[...this.forwarded.values()].flat(), ...this.asked])
      this.answers.push({ context, index: undefined });
    this.asked = [];
    this.foreign = [];
    this.rounds = [];
    this.forwarded.clear();
  }
}
