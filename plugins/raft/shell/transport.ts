/**
 * Brings messages to the other members: a `Peer` for each of them, kept in step with the roster. Members
 * that the roster does not have yet are known by what a join answered, or asked for at the others.
 */
import type { RpcClient } from '@swarmkit/sdk/contracts/rpc';
import type { Clock } from '@swarmkit/sdk/plugin/env';
import type { Logger } from '@swarmkit/sdk/plugin/plugin';
import { type Message, MessageType } from '@swarmkit/sdk/wire/gen/raftpb/raft';
import type { RaftMember } from '@swarmkit/sdk/wire/gen/swarmkit/raft';
import { Peer, type PeerOptions } from './peer.js';

/** So that a removed member still gets what tells it so. */
const FAREWELL_MS = 5_000;
/** More members than a group has that are not in the roster yet; who makes up names makes no more calls than that. */
const MAX_ASKED = 16;

export interface TransportOptions
  extends Pick<PeerOptions, 'greeting' | 'fillSnapshot' | 'changed' | 'expelled'> {
  readonly client: RpcClient;
  readonly clock: Clock;
  readonly log: Logger;
  /** Messages to it were lost. */
  readonly lost: (raftId: bigint) => void;
  readonly snapshotSent: (raftId: bigint, arrived: boolean) => void;
  /** It was there, and now nobody answers at its address. */
  readonly refused: (raftId: bigint) => void;
}

export class Transport {
  private readonly peers = new Map<bigint, Peer>();
  /** Members that are not in the roster yet. */
  private readonly guests = new Set<bigint>();
  private readonly asked = new Set<bigint>();
  private closed = false;

  constructor(private readonly options: TransportOptions) {}

  send(messages: readonly Message[]): void {
    for (const message of messages) {
      const peer = this.peers.get(message.to);
      if (peer !== undefined) peer.send(message);
      else this.lose(message);
    }
  }

  peer(raftId: bigint): Peer | undefined {
    return this.peers.get(raftId);
  }

  isReachable(raftId: bigint): boolean {
    return this.peers.get(raftId)?.reachable ?? false;
  }

  /** These are the members now. */
  follow(members: readonly RaftMember[], isRemoved: (raftId: bigint) => boolean): void {
    if (this.closed) return;
    const own = this.options.greeting().raftId;
    for (const { raftId, addr } of members) {
      if (raftId === own) continue;
      this.guests.delete(raftId);
      this.meet(raftId, addr);
    }
    const present = new Set(members.map(({ raftId }) => raftId));
    for (const [raftId, peer] of this.peers) {
      if (present.has(raftId) || (this.guests.has(raftId) && !isRemoved(raftId))) continue;
      this.peers.delete(raftId);
      this.guests.delete(raftId);
      peer.close(FAREWELL_MS);
    }
  }

  /** A member that the roster may not have yet. */
  introduce(raftId: bigint, address: string): void {
    if (this.closed || this.peers.has(raftId) || raftId === this.options.greeting().raftId) return;
    this.guests.add(raftId);
    this.meet(raftId, address);
  }

  close(): void {
    this.closed = true;
    for (const peer of this.peers.values()) peer.close(0);
    this.peers.clear();
  }

  private meet(raftId: bigint, address: string): void {
    const known = this.peers.get(raftId);
    if (known !== undefined) {
      known.moveTo(address);
      return;
    }
    const { client, lost, snapshotSent, refused, ...options } = this.options;
    const peer = new Peer({
      ...options,
      raftId,
      address,
      connect: (to) => client.connect(to),
      lost: () => lost(raftId),
      snapshotSent: (arrived) => snapshotSent(raftId, arrived),
      refused: () => refused(raftId),
    });
    this.peers.set(raftId, peer);
  }

  /** Nobody of that id is known: this message is lost, the next one may find its way. */
  private lose({ to, type }: Message): void {
    if (type === MessageType.MsgSnap) this.options.snapshotSent(to, false);
    if (this.closed || this.asked.has(to) || this.asked.size >= MAX_ASKED) return;
    this.asked.add(to);
    void this.ask(to).finally(() => this.asked.delete(to));
  }

  private async ask(raftId: bigint): Promise<void> {
    for (const peer of [...this.peers.values()]) {
      if (!peer.reachable) continue;
      const address = await peer.resolve(raftId);
      if (address === undefined || address === '') continue;
      this.introduce(raftId, address);
      return;
    }
  }
}
