/**
 * The two kinds of membership changes as they stand in the log. Version 1 is SwarmKit's: one member a
 * change, described by its context. Version 2 changes several members at once, by way of a joint
 * configuration; its context describes them all. A change that cannot be read changes nothing.
 */
import {
  ConfChange,
  type ConfChangeSingle,
  ConfChangeTransition,
  ConfChangeV2,
  type Entry,
  EntryType,
} from '@swarmkit/sdk/wire/gen/raftpb/raft';
import { RaftMember } from '@swarmkit/sdk/wire/gen/swarmkit/raft';
import { ClusterSnapshot } from '@swarmkit/sdk/wire/gen/swarmkit/snapshot';

export type Change = ConfChange | ConfChangeV2;

export const isV2 = (change: Change): change is ConfChangeV2 => 'changes' in change;

/** Leads through a joint configuration, unless it changes one member and does not ask for one. */
export const isJointChange = (change: Change): boolean =>
  isV2(change) &&
  (change.changes.length > 1 ||
    change.transition !== ConfChangeTransition.ConfChangeTransitionAuto);

/** Ends a joint change. */
export const isLeave = (change: Change): boolean =>
  isV2(change) && !isJointChange(change) && change.changes.length === 0;

export const singleChanges = (change: Change): readonly ConfChangeSingle[] =>
  isV2(change) ? change.changes : [change];

export function encodeChange(change: Change): { readonly type: EntryType; readonly data: Buffer } {
  return isV2(change)
    ? {
        type: EntryType.EntryConfChangeV2,
        data: Buffer.from(ConfChangeV2.encode(change).finish()),
      }
    : { type: EntryType.EntryConfChange, data: Buffer.from(ConfChange.encode(change).finish()) };
}

/** Undefined for an entry that is no change, or one that cannot be read. */
export function decodeChange({ Type, Data }: Entry): Change | undefined {
  switch (Type) {
    case EntryType.EntryConfChange:
      return decoded(() => ConfChange.decode(Data));
    case EntryType.EntryConfChangeV2:
      return decoded(() => ConfChangeV2.decode(Data));
    default:
      return undefined;
  }
}

/** The context of a version 2 change that adds or updates these members. */
export const describeMembers = (members: readonly RaftMember[]): Buffer =>
  Buffer.from(ClusterSnapshot.encode(ClusterSnapshot.create({ members })).finish());

/** The members that a change adds or updates, as far as it describes them. */
export function describedMembers(change: Change): readonly RaftMember[] {
  const { context } = change;
  if (context.length === 0) return [];
  if (isV2(change)) return decoded(() => ClusterSnapshot.decode(context))?.members ?? [];
  const member = decoded(() => RaftMember.decode(context));
  return member === undefined ? [] : [member];
}

/** What cannot be decoded is told apart from what can; why, no member needs to know. */
function decoded<Value>(decode: () => Value): Value | undefined {
  try {
    return decode();
  } catch {
    return undefined;
  }
}
