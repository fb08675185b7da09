/**
 * What a member does with the core for the sake of the group: changes of who belongs to it, handing over,
 * votes for those that have caught up, and haste when a leader's process is gone.
 */
import type { Leadership } from '@swarmkit/sdk/contracts/consensus';
import type { Env } from '@swarmkit/sdk/plugin/env';
import type { ConfChange } from '@swarmkit/sdk/wire/gen/raftpb/raft';
import type { RaftMember } from '@swarmkit/sdk/wire/gen/swarmkit/raft';
import type { Observable } from 'rxjs';
import type { Change } from '../core/change.js';
import type { Raft } from '../core/raft.js';
import type { ReadAnswer } from '../core/reads.js';
import { newRaftId } from './bootstrap.js';
import type { Colleagues } from './colleagues.js';
import { CommitHerald } from './commit-herald.js';
import { handOver } from './hand-over.js';
import type { Proposals } from './proposals.js';
import { changeOvertaken, changeRefused, stopped } from './raft-error.js';
import { Reads } from './reads.js';

/** A change is overtaken only by one that a leader before us left in the log. */
const CHANGE_TRIES = 3;
/**
 * Until the first member asks, so that the others have noticed too; and until the next one does. Two that ask
 * within the time of an answer both stand, share the votes, and wait for an election timeout.
 */
const NOTICE_MS = 50;
const TURN_MS = 150;
/** For one that was told yes to stand, also on a busy machine. */
const ENDORSED_MS = 1_000;
/** Entries that a member may lack and still get its vote: fewer than come during a round of the change. */
const CAUGHT_UP_ENTRIES = 100n;
const NONE_REFUSED = { count: 0, last: '' };

export interface Helm {
  readonly env: Env;
  readonly ending: AbortSignal;
  readonly proposals: Proposals;
  readonly leadership$: Observable<Leadership>;
  readonly raft: () => Raft | undefined;
  /** Throws where nothing can be proposed here now. */
  readonly leading: () => { readonly raft: Raft; readonly member: RaftMember };
  readonly wake: () => void;
}

export class Steering {
  readonly reads: Reads;
  private readonly herald: CommitHerald;
  private lastChange = 0n;

  constructor(
    private readonly helm: Helm,
    private readonly colleagues: () => Colleagues,
  ) {
    this.reads = new Reads(helm.env);
    this.herald = new CommitHerald(helm.env.clock, helm.raft, helm.wake);
  }

  /** Called with every `ready` that is taken. */
  taken(reads: readonly ReadAnswer[]): void {
    this.reads.answered(reads);
    this.herald.look();
  }

  /** Resolves when the change was applied here. */
  async change(change: ConfChange): Promise<void> {
    const { env, proposals, wake } = this.helm;
    for (let tries = 0; tries < CHANGE_TRIES; tries++) {
      const id = newRaftId(env.random);
      const proposed = this.helm.leading().raft.proposeChange({ ...change, id });
      if (typeof proposed === 'string') throw changeRefused(proposed);
      wake();
      await proposals.wait(proposed, 0);
      if (this.lastChange === id) return;
    }
    throw changeOvertaken();
  }

  /** Before the callers that wait for it are told. */
  applied(change: Change): void {
    this.lastChange = 'id' in change ? change.id : 0n;
  }

  transfer(to: bigint | undefined): Promise<void> {
    const { leading, leadership$, ending, env, wake } = this.helm;
    const { raft, member } = leading();
    const isReachable = (id: bigint): boolean => this.colleagues().isReachable(id);
    const { raftId } = member;
    return handOver({ raft, raftId, clock: env.clock, ending, leadership$, isReachable, wake }, to);
  }

  /** What the core has refused to hear. */
  refused(): Raft['refused'] {
    return this.helm.raft()?.refused ?? NONE_REFUSED;
  }

  readIndex(): Promise<bigint> {
    const raft = this.helm.raft();
    if (raft === undefined || this.helm.ending.aborted) return Promise.reject(stopped());
    return this.reads.ask(raft, this.helm.wake);
  }

  /**
   * A leader whose process is gone need not be waited for. Where all members can be asked first, they are, in turn,
   * whatever a tick is: they say no while they hear the leader. With SwarmKit's managers the core stands earlier.
   */
  seemsDead(raftId: bigint): void {
    const raft = this.helm.raft();
    const { env, ending, wake } = this.helm;
    const isGone = (): boolean =>
      raft?.leader === raftId && !this.colleagues().isReachable(raftId) && !ending.aborted;
    if (raft === undefined || !isGone()) return;
    raft.leaderIsGone();
    const askIn = (ms: number, mayWait: boolean): void => {
      env.clock.after(ms, () => {
        if (!raft.asksFirst || !isGone()) return;
        if (mayWait && raft.endorses) return askIn(ENDORSED_MS, false);
        raft.campaign();
        wake();
      });
    };
    askIn(NOTICE_MS + raft.turn * TURN_MS, true);
  }

  /** Leader. */
  promoteLearners(raft: Raft): void {
    for (const id of raft.learners) {
      const progress = raft.progress(id);
      if (progress?.pace !== 'replicate') continue;
      if (progress.match + CAUGHT_UP_ENTRIES >= raft.lastIndex) this.colleagues().promote(id);
    }
  }
}
