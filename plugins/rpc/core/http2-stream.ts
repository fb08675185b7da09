/** One stream of a `ServerSession`: what its two ends may still say, and how much of it at a time. */
import {
  Code,
  Flag,
  frame,
  HEAD_BYTES,
  headerFrames,
  MAX_WINDOW,
  putFrame,
  Type,
  uint32,
} from './http2-frames.js';
import type { ServerSession } from './http2-session.js';

/** What happens to one stream. `bytes` are only good until the call returns. */
export interface StreamListener {
  data(bytes: Buffer): void;
  /** The peer has said everything. */
  finished(): void;
  /** The peer gave the stream up, or the connection is gone. Nothing else follows. */
  gone(): void;
  /** Everything that was to be sent is on its way. */
  drained(): void;
}

/** One call. Ends when both ends have said everything, or one has given it up. */
export class ServerStream {
  private listener: StreamListener | undefined;
  /** To be sent, and what ends it. */
  private queue: Buffer[] = [];
  private trailers: Buffer | undefined;
  private isOver = false;
  /** Received and not consumed; consumed, and the peer was not given the room again. */
  private received = 0;
  private owed = 0;
  /** The peer has said everything. */
  isEnded = false;

  constructor(
    private readonly session: ServerSession,
    readonly id: number,
    private window: number,
    private readonly room: number,
  ) {}

  /** Neither end will say more. */
  get isClosed(): boolean {
    return this.isOver;
  }

  /** Nothing waits for room. */
  get isFree(): boolean {
    return this.queue.length === 0 && !this.session.congested;
  }

  headers(...headers: readonly Buffer[]): void {
    if (this.isOver) return;
    const { session } = this;
    session.put(headerFrames(0, this.id, session.blockOf(...headers), session.frameLimit));
  }

  /** Headers, one piece of data and the last headers: in one piece where there is room for it. */
  answer(headers: Buffer, bytes: Buffer, trailers: Buffer): void {
    const { session } = this;
    const limit = Math.min(this.window, session.sendWindow, session.frameLimit);
    if (!this.isEnded || this.isOver || bytes.length > limit || session.hasTableDue) {
      this.headers(headers);
      this.send(bytes);
      this.end(trailers);
      return;
    }
    const whole = Buffer.allocUnsafe(
      3 * HEAD_BYTES + headers.length + bytes.length + trailers.length,
    );
    let at = putFrame(whole, 0, Type.Headers, Flag.EndHeaders, this.id, headers);
    at = putFrame(whole, at, Type.Data, 0, this.id, bytes);
    putFrame(whole, at, Type.Headers, Flag.EndHeaders | Flag.EndStream, this.id, trailers);
    session.put(whole);
    this.window -= bytes.length;
    session.sent(bytes.length);
    this.close();
  }

  /** Kept until it is sent. */
  send(bytes: Buffer): void {
    if (this.isOver) return;
    this.queue.push(bytes);
    this.flush();
  }

  /** The last headers, behind everything that was to be sent. */
  end(...trailers: readonly Buffer[]): void {
    if (this.isOver || this.trailers !== undefined) return;
    this.trailers = Buffer.concat(trailers);
    this.flush();
  }

  /** The peer may send so many bytes more of those that it has sent. */
  consumed(bytes: number): void {
    if (this.isOver || this.isEnded || bytes === 0) return;
    this.received -= bytes;
    this.owed += bytes;
    if (this.owed < this.room / 2) return;
    this.session.put(frame(Type.WindowUpdate, 0, this.id, uint32(this.owed)));
    this.owed = 0;
  }

  // For the session.

  listenWith(open: (stream: ServerStream) => StreamListener): void {
    const listener = open(this);
    if (!this.isOver) this.listener = listener;
  }

  /** False when the peer was not allowed to. `counted`: with the padding. */
  data(bytes: Buffer, counted: number): boolean {
    this.received += counted;
    if (this.received + this.owed > this.room) return false;
    this.consumed(counted - bytes.length);
    this.listener?.data(bytes);
    return true;
  }

  ended(): void {
    if (this.isEnded) return;
    this.isEnded = true;
    this.listener?.finished();
  }

  lost(): void {
    const { listener } = this;
    this.close();
    listener?.gone();
  }

  relieve(): void {
    if (this.isFree) this.listener?.drained();
  }

  /** False when the window would be larger than HTTP/2 has numbers for. */
  widen(more: number): boolean {
    this.window += more;
    if (this.window > MAX_WINDOW) return false;
    this.flush();
    return true;
  }

  flush(): void {
    const { session } = this;
    const hadToWait = this.queue.length > 0;
    while (this.queue.length > 0) {
      const bytes = this.queue[0] as Buffer;
      const length = Math.min(bytes.length, this.window, session.sendWindow, session.frameLimit);
      if (length <= 0 && bytes.length > 0) return;
      session.put(
        frame(Type.Data, 0, this.id, length === bytes.length ? bytes : bytes.subarray(0, length)),
      );
      this.window -= length;
      session.sent(length);
      if (length === bytes.length) this.queue.shift();
      else this.queue[0] = bytes.subarray(length);
    }
    if (this.trailers !== undefined) this.finish(this.trailers);
    else if (hadToWait && this.isFree) this.listener?.drained();
  }

  private finish(trailers: Buffer): void {
    const { session, id } = this;
    session.put(headerFrames(Flag.EndStream, id, session.blockOf(trailers), session.frameLimit));
    // What the peer has still to say is of no use.
    if (!this.isEnded) session.put(frame(Type.RstStream, 0, id, uint32(Code.None)));
    this.close();
  }

  private close(): void {
    if (this.isOver) return;
    this.isOver = true;
    this.queue = [];
    this.listener = undefined;
    this.session.forget(this);
  }
}
