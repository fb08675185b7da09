/**
 * Who votes and who only listens, as a value; and what a change makes of it. Between entering and
 * leaving a joint change there are two electorates, and whatever needs a majority needs it in both.
 * A change that does not fit gives undefined: every member sees the same, so all of them skip it.
 */
import {
  type ConfChangeSingle,
  ConfChangeTransition,
  ConfChangeType,
  ConfState,
} from '@swarmkit/sdk/wire/gen/raftpb/raft';
import { type Change, isJointChange, isV2, singleChanges } from './change.js';

export interface Configuration {
  readonly voters: readonly bigint[];
  /** The electorate before a joint change. Empty when there is no such change. */
  readonly outgoing: readonly bigint[];
  readonly learners: readonly bigint[];
  /** Still among the outgoing voters; learners once the change is left. */
  readonly learnersNext: readonly bigint[];
  /** The leader leaves the joint change by itself, as soon as it is applied. */
  readonly autoLeave: boolean;
}

export const isJoint = ({ outgoing }: Configuration): boolean => outgoing.length > 0;

/** Everybody who is to get the log, each once, in order. */
export const everyMember = (one: Configuration): bigint[] =>
  sorted(new Set([...one.voters, ...one.outgoing, ...one.learners, ...one.learnersNext]));

export const isVoter = ({ voters, outgoing }: Configuration, id: bigint): boolean =>
  voters.includes(id) || outgoing.includes(id);

export const fromConfState = (state: ConfState): Configuration => ({
  voters: sorted(new Set(state.voters)),
  outgoing: sorted(new Set(state.votersOutgoing)),
  learners: sorted(new Set(state.learners)),
  learnersNext: sorted(new Set(state.learnersNext)),
  autoLeave: state.autoLeave,
});

export const toConfState = (one: Configuration): ConfState =>
  ConfState.create({
    voters: one.voters,
    learners: one.learners,
    votersOutgoing: one.outgoing,
    learnersNext: one.learnersNext,
    autoLeave: one.autoLeave,
  });

/** The configuration after `change`, or undefined where the change does not fit. */
export function changed(from: Configuration, change: Change): Configuration | undefined {
  const singles = singleChanges(change);
  if (isV2(change) && change.transition === ConfChangeTransition.ConfChangeTransitionAuto) {
    if (singles.length === 0) return isJoint(from) ? left(from) : undefined;
  }
  if (isJoint(from)) return undefined;
  const joint = isJointChange(change);
  const draft = new Draft(from, joint ? from.voters : []);
  for (const single of singles) if (!draft.take(single)) return undefined;
  if (draft.voters.size === 0) return undefined;
  const explicit =
    isV2(change) && change.transition === ConfChangeTransition.ConfChangeTransitionJointExplicit;
  return draft.done(joint && !explicit);
}

function left(from: Configuration): Configuration {
  const learners = new Set([...from.learners, ...from.learnersNext]);
  return {
    voters: from.voters,
    outgoing: [],
    learners: sorted(learners),
    learnersNext: [],
    autoLeave: false,
  };
}

class Draft {
  readonly voters: Set<bigint>;
  private readonly learners: Set<bigint>;
  private readonly learnersNext = new Set<bigint>();

  constructor(
    from: Configuration,
    private readonly outgoing: readonly bigint[],
  ) {
    this.voters = new Set(from.voters);
    this.learners = new Set(from.learners);
  }

  /** False for a kind of change that nobody knows. */
  take({ type, nodeId }: ConfChangeSingle): boolean {
    // A change that was found wrong after it was proposed has had its id taken away: it says nothing.
    if (nodeId === 0n) return true;
    switch (type) {
      case ConfChangeType.ConfChangeAddNode:
        this.forget(nodeId);
        this.voters.add(nodeId);
        return true;
      case ConfChangeType.ConfChangeAddLearnerNode:
        this.forget(nodeId);
        // It votes in the electorate that ends, so it may not be a learner before that has ended.
        if (this.outgoing.includes(nodeId)) this.learnersNext.add(nodeId);
        else this.learners.add(nodeId);
        return true;
      case ConfChangeType.ConfChangeRemoveNode:
        this.forget(nodeId);
        return true;
      case ConfChangeType.ConfChangeUpdateNode:
        return true;
      default:
        return false;
    }
  }

  done(autoLeave: boolean): Configuration {
    return {
      voters: sorted(this.voters),
      outgoing: this.outgoing,
      learners: sorted(this.learners),
      learnersNext: sorted(this.learnersNext),
      autoLeave,
    };
  }

  private forget(id: bigint): void {
    this.voters.delete(id);
    this.learners.delete(id);
    this.learnersNext.delete(id);
  }
}

const sorted = (ids: ReadonlySet<bigint>): bigint[] => [...ids].sort((a, b) => (a < b ? -1 : 1));
