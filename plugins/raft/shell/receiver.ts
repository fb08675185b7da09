/**
 * What other managers call: `Raft` as SwarmKit has it, and our link. Decides which messages the core gets
 * to see; what is dropped is counted. Nothing that a peer sends may throw past here except as an answer.
 */
import type { Call, MountedService } from '@swarmkit/sdk/contracts/rpc';
import { type Greeting, LinkService, type Parcel } from '@swarmkit/sdk/wire/gen/raftlink/link';
import { type Message, MessageType } from '@swarmkit/sdk/wire/gen/raftpb/raft';
import {
  type ProcessRaftMessageRequest,
  RaftService,
  type ResolveAddressRequest,
  type StreamRaftMessageRequest,
} from '@swarmkit/sdk/wire/gen/swarmkit/raft';
import { MessageParts } from '../core/snapshot-chunks.js';
import { joinPieces } from './join-pieces.js';
import { memberRemoved, memberUnknown, notYetMember } from './raft-error.js';

/** More than any store holds in practice, and little enough to be held in memory twice. */
const MAX_SNAPSHOT_BYTES = 1024 * 1024 * 1024;

export interface ReceiverOptions {
  /** 0 while this node is no member. */
  readonly raftId: () => bigint;
  readonly features: () => number;
  readonly isRemoved: (raftId: bigint) => boolean;
  /** Undefined for ids that are not in the roster. */
  readonly member: (
    raftId: bigint,
  ) => { readonly nodeId: string; readonly addr: string } | undefined;
  readonly isServing: (raftId: bigint) => Promise<boolean>;
  readonly step: (message: Message) => void;
}

export class Receiver {
  /** Messages that were not for us, or not what they should be. */
  dropped = 0;
  /** Candidates whose way back is being looked at. */
  private readonly candidates = new Set<bigint>();

  constructor(private readonly options: ReceiverOptions) {}

  services(): readonly MountedService[] {
    return [
      {
        definition: RaftService,
        expose: ['remote'],
        handlers: {
          processRaftMessage: {
            unary: (request: ProcessRaftMessageRequest, call) => {
              this.receive(request.message, call);
              return {};
            },
          },
          streamRaftMessage: { clientStream: (requests, call) => this.stream(requests, call) },
          resolveAddress: { unary: (request: ResolveAddressRequest) => this.resolve(request) },
        },
      },
      {
        definition: LinkService,
        expose: ['remote'],
        handlers: {
          greet: { unary: (greeting: Greeting) => this.greet(greeting) },
          send: { clientStream: (parcels, call) => this.link(parcels, call) },
        },
      },
    ];
  }

  private greet({ raftId }: Greeting): Greeting {
    if (this.options.isRemoved(raftId)) throw memberRemoved();
    return { raftId: this.options.raftId(), features: this.options.features() };
  }

  private async link(parcels: AsyncIterable<Parcel>, call: Call): Promise<object> {
    for await (const { messages } of parcels)
      for (const message of messages) this.receive(message, call);
    return {};
  }

  private async stream(
    requests: AsyncIterable<StreamRaftMessageRequest>,
    call: Call,
  ): Promise<object> {
    const parts = new MessageParts(MAX_SNAPSHOT_BYTES);
    for await (const { message } of requests) {
      if (message === undefined) this.dropped++;
      else parts.add(message);
    }
    this.receive(await parts.whole(joinPieces), call);
    return {};
  }

  private resolve({ raftId }: ResolveAddressRequest): { readonly addr: string } {
    if (this.options.raftId() === 0n) throw notYetMember();
    const member = this.options.member(raftId);
    if (member === undefined) throw memberUnknown(raftId);
    return { addr: member.addr };
  }

  private receive(message: Message | undefined, call: Call): void {
    const { raftId, isRemoved, member } = this.options;
    if (message !== undefined && isRemoved(message.from)) throw memberRemoved();
    const own = raftId();
    const sender = message && member(message.from);
    if (
      message === undefined ||
      own === 0n ||
      message.to !== own ||
      message.from === own ||
      message.from === 0n ||
      // Whoever says to be a member must be the node that the member is.
      (sender !== undefined && sender.nodeId !== call.peer.nodeId) ||
      isLocal(message.type)
    ) {
      this.dropped++;
      return;
    }
    if (message.type === MessageType.MsgVote) void this.vote(message, sender !== undefined);
    else this.options.step(message);
  }

  /** A candidate that we could not reach would make a useless leader: its request is not heard. */
  private async vote(message: Message, isKnown: boolean): Promise<void> {
    const { from } = message;
    if (!isKnown || this.candidates.has(from)) {
      this.dropped++;
      return;
    }
    this.candidates.add(from);
    const reached = await this.options.isServing(from);
    this.candidates.delete(from);
    if (reached) this.options.step(message);
    else this.dropped++;
  }
}

/** Types that only make sense within one member, and proposals: only the leader proposes. */
const isLocal = (type: MessageType): boolean => {
  switch (type) {
    case MessageType.MsgApp:
    case MessageType.MsgAppResp:
    case MessageType.MsgVote:
    case MessageType.MsgVoteResp:
    case MessageType.MsgSnap:
    case MessageType.MsgHeartbeat:
    case MessageType.MsgHeartbeatResp:
    case MessageType.MsgTimeoutNow:
    case MessageType.MsgReadIndex:
    case MessageType.MsgReadIndexResp:
    case MessageType.MsgPreVote:
    case MessageType.MsgPreVoteResp:
      return false;
    default:
      return true;
  }
};
