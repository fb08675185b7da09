/**
 * Takes in snapshots that come in pieces. One node sends one at a time, whichever member it says to be, and each
 * piece comes within a time: so what may be held in memory is known, whoever does not come to an end. What cannot be read is
 * refused here, because the core, and then the disk, take a snapshot in the place of all there was.
 */
import type { StateMachine } from '@swarmkit/sdk/contracts/consensus';
import type { Clock } from '@swarmkit/sdk/plugin/env';
import { Message } from '@swarmkit/sdk/wire/gen/raftpb/raft';
import type { StreamRaftMessageRequest } from '@swarmkit/sdk/wire/gen/swarmkit/raft';
import { MessageParts } from '../core/snapshot-chunks.js';
import { splitForeignSnapshot } from '../core/snapshot-data.js';
import { joinPieces } from './join-pieces.js';
import { snapshotOvertaken, snapshotStalled, snapshotUnreadable } from './raft-error.js';

/** More than any store holds in practice, and little enough to be held in memory twice. */
const MAX_SNAPSHOT_BYTES = 1024 * 1024 * 1024;
/** Twice what a sender of ours waits for the answer to a piece. */
const PIECE_MS = 20_000;
/** Of no kind that has pieces. */
const NO_MESSAGE = Message.create();

export class SnapshotIntake {
  /** How to end what a node is sending. */
  private readonly ends = new Map<string, (why: Error) => void>();

  constructor(
    private readonly clock: Pick<Clock, 'after'>,
    private readonly machine: () => StateMachine | undefined,
  ) {}

  /** The whole message, out of its first piece and what follows. Throws what the sender, `node`, is told. */
  async take(
    first: Message,
    rest: AsyncIterator<StreamRaftMessageRequest>,
    node: string,
  ): Promise<Message> {
    this.ends.get(node)?.(snapshotOvertaken());
    const ended = new Promise<never>((_, reject) => this.ends.set(node, reject));
    ended.catch(() => undefined);
    const end = this.ends.get(node);
    const parts = new MessageParts(MAX_SNAPSHOT_BYTES);
    try {
      for (let piece: Message | undefined = first; piece !== undefined; ) {
        parts.add(piece);
        piece = await this.next(rest, ended);
      }
      return await this.check((await parts.whole(joinPieces)) ?? first);
    } finally {
      if (this.ends.get(node) === end) this.ends.delete(node);
    }
  }

  /** The message, when the state machine can make sense of it. */
  async check(message: Message): Promise<Message> {
    const parts = splitForeignSnapshot(message.snapshot?.data ?? Buffer.alloc(0));
    const readable = parts && ((await this.machine()?.canRestore?.(parts.store)) ?? true);
    if (readable !== true) throw snapshotUnreadable(message.snapshot?.metadata.index ?? 0n);
    return message;
  }

  private async next(
    rest: AsyncIterator<StreamRaftMessageRequest>,
    ended: Promise<never>,
  ): Promise<Message | undefined> {
    const next = rest.next();
    // It may fail when nobody waits for it any more.
    next.catch(() => undefined);
    let cancel = (): void => undefined;
    const late = new Promise<never>((_, reject) => {
      cancel = this.clock.after(PIECE_MS, () => reject(snapshotStalled()));
    });
    try {
      const step = await Promise.race([next, late, ended]);
      return step.done === true ? undefined : (step.value.message ?? NO_MESSAGE);
    } finally {
      cancel();
    }
  }
}
