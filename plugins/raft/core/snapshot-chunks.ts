/**
 * A snapshot is sent as SwarmKit sends it: cut into requests of at most 4 MiB, each a copy of the whole
 * message with the next piece of `snapshot.data`. Only MsgSnap may be cut.
 */
import { SwarmError } from '@swarmkit/sdk/plugin/errors';
import { type Message, MessageType } from '@swarmkit/sdk/wire/gen/raftpb/raft';
import { StreamRaftMessageRequest } from '@swarmkit/sdk/wire/gen/swarmkit/raft';

const MAX_REQUEST_BYTES = 4 * 1024 * 1024;
const NOTHING = Buffer.alloc(0);

/** The message as the requests of one call. Pieces of data are not copied. */
export function* cutMessage(message: Message): Generator<Message, void, undefined> {
  const { snapshot } = message;
  const data = snapshot?.data ?? NOTHING;
  if (message.type !== MessageType.MsgSnap || snapshot === undefined || data.length === 0) {
    yield message;
    return;
  }
  // Lengths are varints: with its data an empty message grows by less than this beyond the data itself.
  const frames = 4 * 5;
  const frame = StreamRaftMessageRequest.encode({
    message: { ...message, snapshot: { ...snapshot, data: NOTHING } },
  }).finish().length;
  const room = MAX_REQUEST_BYTES - frame - frames;
  for (let at = 0; at < data.length; at += room)
    yield { ...message, snapshot: { ...snapshot, data: data.subarray(at, at + room) } };
}

/** Puts the requests of one call together again. */
export class MessageParts {
  private first: Message | undefined;
  private readonly pieces: Buffer[] = [];
  private length = 0;

  constructor(private readonly maxBytes: number) {}

  add(message: Message): void {
    if (this.first === undefined) {
      this.first = message;
    } else if (message.type !== MessageType.MsgSnap || this.first.type !== MessageType.MsgSnap) {
      throw refusal(`Raft message chunk is not of type ${MessageType.MsgSnap}`);
    } else if (message.index !== this.first.index) {
      throw refusal(
        `Raft message chunk with index ${message.index} is different from the previously received raft message index ${this.first.index}`,
      );
    } else if (!isSamePosition(message, this.first)) {
      throw refusal('the pieces are of different snapshots');
    }
    const data = message.snapshot?.data ?? NOTHING;
    // Else a sender that never comes to an end would cost memory and never reach the limit.
    if (data.length === 0 && this.pieces.length > 0) throw refusal('a piece has nothing in it');
    this.length += data.length;
    if (this.length > this.maxBytes)
      throw new SwarmError(
        'resource-exhausted',
        'RAFT_SNAPSHOT_TOO_LARGE',
        `a snapshot of more than ${this.maxBytes} bytes is not taken`,
      );
    this.pieces.push(data);
  }

  /** Undefined when there was no message. `join` copies the pieces into one. */
  async whole(join: (pieces: readonly Buffer[]) => Promise<Buffer>): Promise<Message | undefined> {
    const { first, pieces } = this;
    if (first?.snapshot === undefined || pieces.length === 1) return first;
    return { ...first, snapshot: { ...first.snapshot, data: await join(pieces) } };
  }
}

function isSamePosition(
  { snapshot: a, term }: Message,
  { snapshot: b, ...first }: Message,
): boolean {
  return (
    term === first.term &&
    a?.metadata.index === b?.metadata.index &&
    a?.metadata.term === b?.metadata.term
  );
}

const refusal = (text: string): SwarmError =>
  new SwarmError('invalid-argument', 'RAFT_CHUNK', text);
