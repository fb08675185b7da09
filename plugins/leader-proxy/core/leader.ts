// Who leads, as far as this manager knows, and for how long nobody has.
import type { Leadership, Member } from '@swarmkit/sdk/contracts/consensus';
import { SwarmError } from '@swarmkit/sdk/plugin/errors';

/** Ten ticks of SwarmKit's Raft. */
export const NO_LEADER_MS = 10_000;

export type Leader =
  /** This manager. `ready`: it has applied everything, and its services start or have started. */
  | { readonly kind: 'self'; readonly ready: boolean }
  | { readonly kind: 'other'; readonly raftId: bigint; readonly address: string }
  | { readonly kind: 'none' };

/** Also while this manager cannot lead fully: nobody else has what it holds. */
export const isSelf = ({ leading, leaderId }: Leadership, self: bigint): boolean =>
  leading || (leaderId !== 0n && leaderId === self);

export function leaderOf(leadership: Leadership, members: readonly Member[], self: bigint): Leader {
  if (isSelf(leadership, self)) return { kind: 'self', ready: leadership.leading };
  const { leaderId } = leadership;
  const member = members.find(({ raftId }) => raftId === leaderId);
  return member === undefined || member.address === ''
    ? { kind: 'none' }
    : { kind: 'other', raftId: leaderId, address: member.address };
}

/** SwarmKit's text. */
export const noLeader = (): SwarmError =>
  new SwarmError(
    'unknown',
    'PROXY_NO_LEADER',
    "The swarm does not have a leader. It's possible that too few managers are online. Make sure more than half of the managers are online.",
  );

/** The leader was lost with the connection: another one may answer the same call. */
export function isConnectionError(error: {
  readonly code: string;
  readonly message: string;
}): boolean {
  return (
    error.code === 'RPC_UNREACHABLE' ||
    ['is closing', 'the connection is unavailable', 'connection error'].some((text) =>
      error.message.includes(text),
    )
  );
}
