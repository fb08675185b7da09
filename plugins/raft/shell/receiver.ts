/**
 * What other managers call: `Raft` as SwarmKit has it, and our link. Decides which messages the core gets
 * to see; what is dropped is counted. Nothing that a peer sends may throw past here except as an answer.
 */
import type { Call, MountedService } from '@swarmkit/sdk/contracts/rpc';
import { type Greeting, LinkService, type Parcel } from '@swarmkit/sdk/wire/gen/raftlink/link';
import { isSwarmError } from '@swarmkit/sdk/plugin/errors';
import { type Message, MessageType } from '@swarmkit/sdk/wire/gen/raftpb/raft';
import {
  type ProcessRaftMessageRequest,
  RaftService,
  type ResolveAddressRequest,
  type StreamRaftMessageRequest,
} from '@swarmkit/sdk/wire/gen/swarmkit/raft';
import {
  memberRemoved,
  memberUnknown,
  notYetMember,
  onlySnapshotsHavePieces,
} from './raft-error.js';
import type { Refusals } from './refusals.js';
import type { SnapshotIntake } from './snapshot-intake.js';

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
  /** How many messages the core has refused so far, and why. */
  readonly refused: () => { readonly count: number; readonly last: string };
  readonly snapshots: SnapshotIntake;
  readonly refusals: Refusals;
}

export class Receiver {
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
              const taking = this.receive(request.message, call);
              return taking === undefined ? {} : taking.then(() => ({}));
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
      for (const message of messages) {
        const taking = this.receive(message, call);
        if (taking !== undefined) await taking;
      }
    return {};
  }

  /** One message, or the pieces of one snapshot. */
  private async stream(
    requests: AsyncIterable<StreamRaftMessageRequest>,
    call: Call,
  ): Promise<object> {
    const rest = requests[Symbol.asyncIterator]();
    const step = await rest.next();
    const first = step.done === true ? undefined : step.value.message;
    // Before the rest is read: who may not send a snapshot need not be listened to.
    if (!this.isFit(first, call)) return {};
    if (first.type === MessageType.MsgSnap) {
      await this.takeSnapshot(
        () => this.options.snapshots.take(first, rest, call.peer.nodeId),
        call,
      );
      return {};
    }
    // What breaks off was not sent; and only snapshots have pieces.
    const more = await rest.next();
    if (more.done !== true) throw this.told(onlySnapshotsHavePieces(), call);
    this.deliver(first, call);
    return {};
  }

  private resolve({ raftId }: ResolveAddressRequest): { readonly addr: string } {
    if (this.options.raftId() === 0n) throw notYetMember();
    const member = this.options.member(raftId);
    if (member === undefined) throw memberUnknown(raftId);
    return { addr: member.addr };
  }

  private receive(message: Message | undefined, call: Call): undefined | Promise<void> {
    if (!this.isFit(message, call)) return undefined;
    if (message.type === MessageType.MsgSnap)
      return this.takeSnapshot(() => this.options.snapshots.check(message), call);
    this.deliver(message, call);
    return undefined;
  }

  private async takeSnapshot(take: () => Promise<Message>, call: Call): Promise<void> {
    let whole: Message;
    try {
      whole = await take();
    } catch (error) {
      throw this.told(error, call);
    }
    // Much may have happened since its first piece.
    if (this.isFit(whole, call)) this.deliver(whole, call);
  }

  /** Whether the core is to see it; else it is counted. Throws what a removed member is told. */
  private isFit(message: Message | undefined, call: Call): message is Message {
    const refusal = this.refusalOf(message, call);
    if (refusal !== undefined) this.drop(refusal, call);
    return refusal === undefined;
  }

  private refusalOf(message: Message | undefined, call: Call): string | undefined {
    const { raftId, isRemoved, member } = this.options;
    if (message === undefined) return 'no message';
    const { from, to, type } = message;
    if (isRemoved(from)) {
      this.drop('from a removed member', call);
      throw memberRemoved();
    }
    const own = raftId();
    if (own === 0n) return 'not a member yet';
    if (to !== own) return 'to another member';
    if (from === own || from === 0n) return 'from nobody';
    // Whoever says to be a member must be the node that the member is.
    const nodeId = member(from)?.nodeId;
    if (nodeId !== undefined && nodeId !== call.peer.nodeId) return 'from another node';
    return isLocal(type) ? 'of a kind that does not travel' : undefined;
  }

  private deliver(message: Message, call: Call): void {
    if (message.type === MessageType.MsgVote) void this.vote(message, call);
    else this.step(message, call);
  }

  private step(message: Message, call: Call): void {
    const { step, refused } = this.options;
    const before = refused().count;
    step(message);
    const { count, last } = refused();
    if (count > before) this.options.refusals.count(last, call.peer.nodeId, count - before);
  }

  /** A candidate that we could not reach would make a useless leader: its request is not heard. */
  private async vote(message: Message, call: Call): Promise<void> {
    const { from } = message;
    if (this.options.member(from) === undefined) {
      this.drop('candidate that is not known', call);
    } else if (this.candidates.has(from)) {
      this.drop('candidate that asks again at once', call);
    } else {
      this.candidates.add(from);
      const reached = await this.options.isServing(from);
      this.candidates.delete(from);
      if (reached) this.step(message, call);
      else this.drop('candidate that is not reached', call);
    }
  }

  private drop(reason: string, call: Call): void {
    this.options.refusals.count(reason, call.peer.nodeId);
  }

  /** Counted, where it is the sender's fault. */
  private told(error: unknown, call: Call): unknown {
    if (isSwarmError(error) && error.kind !== 'cancelled') this.drop(error.code, call);
    return error;
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
