/**
 * What makes one surviving member a group of its own: everything in its log counts as committed, and
 * changes at the end of it remove all others. Entries that no majority ever had may come true that way;
 * to drop them could drop what was acknowledged, and the others that would know are gone.
 */
import {
  ConfChange,
  ConfChangeType,
  ConfChangeV2,
  type ConfState,
  type Entry,
  HardState,
} from '@swarmkit/sdk/wire/gen/raftpb/raft';
import { RaftMember } from '@swarmkit/sdk/wire/gen/swarmkit/raft';
import type { ClusterSnapshot } from '@swarmkit/sdk/wire/gen/swarmkit/snapshot';
import { type Change, decodeChange, encodeChange } from './change.js';
import {
  type Configuration,
  changed,
  everyMember,
  fromConfState,
  isJoint,
  toConfState,
} from './configuration.js';
import { maxOf } from './bigint.js';
import type { Position } from './log.js';
import { Roster } from './roster.js';

export interface Survivor {
  readonly member: RaftMember;
  readonly hardState: HardState;
  readonly snapshot: Position;
  readonly confState: ConfState;
  /** As the snapshot describes them. */
  readonly membership: ClusterSnapshot;
  /** All that are in the log. */
  readonly entries: readonly Entry[];
}

export interface NewCluster {
  readonly hardState: HardState;
  /** To be appended. */
  readonly entries: readonly Entry[];
  readonly removed: readonly RaftMember[];
  /** How many entries count as committed from now on that were not known to be. */
  readonly adopted: bigint;
}

/** Who is in the group when everything in the log was applied. */
export function wholeGroup(survivor: Survivor): {
  readonly configuration: Configuration;
  readonly roster: Roster;
} {
  const { snapshot } = survivor;
  let configuration = fromConfState(survivor.confState);
  const roster = new Roster();
  roster.restore(survivor.membership);
  for (const entry of survivor.entries) {
    const change = entry.Index > snapshot.index ? decodeChange(entry) : undefined;
    const next = change && changed(configuration, change);
    if (change === undefined || next === undefined) continue;
    configuration = next;
    roster.apply(change, toConfState(next));
  }
  return { configuration, roster };
}

/** Undefined where the survivor is alone already. */
export function forceNewCluster(survivor: Survivor): NewCluster | undefined {
  const { member, hardState, snapshot } = survivor;
  const { configuration, roster } = wholeGroup(survivor);
  const others = everyMember(configuration).filter((id) => id !== member.raftId);
  if (others.length === 0) return undefined;
  const removed = others.map((id) => roster.member(id) ?? RaftMember.create({ raftId: id }));

  const last = survivor.entries.at(-1);
  const index = last !== undefined && last.Index > snapshot.index ? last.Index : snapshot.index;
  const term = maxOf(hardState.term, last?.Term ?? snapshot.term) + 1n;
  const changes: Change[] = [];
  if (isJoint(configuration)) changes.push(ConfChangeV2.create());
  // It may have had no vote yet, and somebody must have one at any moment.
  changes.push(describe(ConfChangeType.ConfChangeAddNode, member));
  for (const id of others)
    changes.push(ConfChange.create({ type: ConfChangeType.ConfChangeRemoveNode, nodeId: id }));
  const entries = changes.map((change, i): Entry => {
    const { type, data } = encodeChange(change);
    return { Type: type, Term: term, Index: index + BigInt(i) + 1n, Data: data };
  });
  return {
    hardState: HardState.create({ term, commit: index + BigInt(entries.length) }),
    entries,
    removed,
    adopted: index - maxOf(hardState.commit, snapshot.index),
  };
}

const describe = (type: ConfChangeType, member: RaftMember): ConfChange =>
  ConfChange.create({
    type,
    nodeId: member.raftId,
    context: Buffer.from(RaftMember.encode(member).finish()),
  });
