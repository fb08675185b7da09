/** Requests without what is ours in them, as a manager of SwarmKit sends them or reads them. */
import { MessageType } from '@swarmkit/sdk/wire/gen/raftpb/raft';
import {
  JoinRequest,
  RaftMembershipService,
  RaftService,
  type StreamRaftMessageRequest,
} from '@swarmkit/sdk/wire/gen/swarmkit/raft';
import { Snapshot } from '@swarmkit/sdk/wire/gen/swarmkit/snapshot';

export function asSwarmKitHasIt(path: string, message: unknown): unknown {
  if (path === RaftMembershipService.join.path)
    return JoinRequest.create({ addr: (message as JoinRequest).addr });
  if (path === RaftService.streamRaftMessage.path)
    return withoutFeatures(message as StreamRaftMessageRequest);
  return message;
}

/** Of the members that a snapshot tells of. Worlds are small: it is in one piece. */
function withoutFeatures(request: StreamRaftMessageRequest): StreamRaftMessageRequest {
  const { message } = request;
  if (message?.type !== MessageType.MsgSnap || message.snapshot === undefined) return request;
  const { membership, ...rest } = Snapshot.decode(message.snapshot.data);
  const members = (membership?.members ?? []).map((member) => ({ ...member, features: 0 }));
  const removed = membership?.removed ?? [];
  const data = Buffer.from(
    Snapshot.encode({ ...rest, membership: { ...membership, members, removed } }).finish(),
  );
  return { message: { ...message, snapshot: { ...message.snapshot, data } } };
}
