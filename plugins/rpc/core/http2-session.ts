/**
 * The server's end of an HTTP/2 connection (RFC 9113) as gRPC uses it: bytes go in, streams come out, and
 * what is to be sent is collected until it is taken, so that the answers of one turn leave together.
 * Never touches a socket. A peer that breaks the protocol loses its connection, and only that.
 */
import { type Header, HpackDecoder, HpackError, NO_TABLE } from './hpack.js';
import {
  Code,
  Flag,
  frame,
  HEAD_BYTES,
  MAX_WINDOW,
  ProtocolError,
  Setting,
  settings,
  Type,
  uint32,
  unpadded,
} from './http2-frames.js';
import { ServerStream, type StreamListener } from './http2-stream.js';

const PREFACE = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n');
/** Of frames that we take: what HTTP/2 has where nothing else was said. */
const MAX_FRAME = 16_384;
const MAX_HEADER_BYTES = 64 * 1024;
const MAX_CONTINUATIONS = 16;
const MAX_STREAMS = 10_000;
const FIRST_WINDOW = 65_535;
/** What a stream may send ahead of who reads it. A connection has more than its streams are likely to use. */
const STREAM_WINDOW = 1024 * 1024;
const CONNECTION_WINDOW = 64 * 1024 * 1024;

export interface SessionEvents {
  /** `stream` may be answered from within the call. */
  open(stream: ServerStream, headers: readonly Header[]): StreamListener;
  /** There is something to `take`; told once until it was taken. */
  ready(): void;
  /** To be closed when what is to be taken has been sent. `why`: the peer's fault. */
  over(why: string | undefined): void;
}

export class ServerSession {
  private readonly streams = new Map<number, ServerStream>();
  private readonly decoder = new HpackDecoder(MAX_HEADER_BYTES);
  /** Received, and not yet a whole frame. */
  private rest: Buffer | undefined = undefined;
  private state: 'preface' | 'settings' | 'open' | 'over' = 'preface';
  private leaving = false;
  private lastId = 0;
  private headersOf: { id: number; flags: number; parts: Buffer[]; bytes: number } | undefined;
  private out: Buffer[] = [];
  private told = false;
  private window = FIRST_WINDOW;
  private received = 0;
  private peersWindow = FIRST_WINDOW;
  private peersFrame = MAX_FRAME;
  private tableDue = false;
  /** The socket takes no more for now. */
  private isCongested = false;

  constructor(private readonly events: SessionEvents) {}

  get congested(): boolean {
    return this.isCongested;
  }

  /** Streams that are open. */
  get count(): number {
    return this.streams.size;
  }

  receive(bytes: Buffer): void {
    if (this.state === 'over') return;
    try {
      this.rest = this.read(this.rest === undefined ? bytes : Buffer.concat([this.rest, bytes]));
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error;
      this.goAway(error.code);
      this.end(error.message);
    }
  }

  /** Everything that is to be sent now. */
  take(): Buffer {
    const { out } = this;
    this.out = [];
    this.told = false;
    return out.length === 1 ? (out[0] as Buffer) : Buffer.concat(out);
  }

  /** The socket has more to send than it should, or has caught up. */
  congest(isCongested: boolean): void {
    if (this.isCongested === isCongested) return;
    this.isCongested = isCongested;
    if (!isCongested) for (const stream of [...this.streams.values()]) stream.relieve();
  }

  /** Takes no new streams; ends when those that are open have ended. */
  leave(): void {
    if (this.leaving || this.state === 'over') return;
    this.leaving = true;
    this.goAway(Code.None);
    this.endIfIdle();
  }

  /** The socket is gone. */
  lost(): void {
    this.end(undefined);
    this.out = [];
  }

  // For the streams of this session.

  get frameLimit(): number {
    return this.peersFrame;
  }

  /** How much a stream may send now. */
  get sendWindow(): number {
    return this.window;
  }

  sent(bytes: number): void {
    this.window -= bytes;
  }

  put(bytes: Buffer): void {
    if (this.state === 'over') return;
    this.out.push(bytes);
    if (this.told) return;
    this.told = true;
    this.events.ready();
  }

  /** A header block, with what the peer must be told of our table. */
  blockOf(...headers: readonly Buffer[]): Buffer {
    if (!this.tableDue)
      return headers.length === 1 ? (headers[0] as Buffer) : Buffer.concat(headers);
    this.tableDue = false;
    return Buffer.concat([NO_TABLE, ...headers]);
  }

  get hasTableDue(): boolean {
    return this.tableDue;
  }

  forget(stream: ServerStream): void {
    this.streams.delete(stream.id);
    this.endIfIdle();
  }

  private read(bytes: Buffer): Buffer | undefined {
    let at = 0;
    if (this.state === 'preface') {
      const seen = Math.min(bytes.length, PREFACE.length);
      if (bytes.compare(PREFACE, 0, seen, 0, seen) !== 0)
        throw new ProtocolError(Code.Protocol, 'it does not speak HTTP/2');
      if (seen < PREFACE.length) return bytes;
      at = seen;
      this.state = 'settings';
      this.greet();
    }
    while (at + HEAD_BYTES <= bytes.length) {
      const length = bytes.readUIntBE(at, 3);
      if (length > MAX_FRAME) throw new ProtocolError(Code.FrameSize, 'a frame is too large');
      const end = at + HEAD_BYTES + length;
      if (end > bytes.length) break;
      const type = bytes[at + 3] as number;
      const flags = bytes[at + 4] as number;
      const id = bytes.readUInt32BE(at + 5) & 0x7fffffff;
      this.frame(type, flags, id, bytes.subarray(at + HEAD_BYTES, end));
      // A handler may have ended the session.
      if ((this.state as string) === 'over') return undefined;
      at = end;
    }
    if (at === bytes.length) return undefined;
    return at === 0 ? bytes : bytes.subarray(at);
  }

  private greet(): void {
    this.put(
      frame(
        Type.Settings,
        0,
        0,
        settings([
          [Setting.MaxConcurrentStreams, MAX_STREAMS],
          [Setting.InitialWindowSize, STREAM_WINDOW],
          [Setting.MaxHeaderListSize, MAX_HEADER_BYTES],
        ]),
      ),
    );
    this.put(frame(Type.WindowUpdate, 0, 0, uint32(CONNECTION_WINDOW - FIRST_WINDOW)));
  }

  private frame(type: number, flags: number, id: number, payload: Buffer): void {
    if (this.state === 'settings') {
      if (type !== Type.Settings || (flags & Flag.Ack) !== 0)
        throw new ProtocolError(Code.Protocol, 'its first frame is not its settings');
      this.state = 'open';
    }
    if ((this.headersOf !== undefined) !== (type === Type.Continuation))
      throw new ProtocolError(Code.Protocol, 'headers are interrupted');
    switch (type) {
      case Type.Data:
        this.onData(flags, id, payload);
        break;
      case Type.Headers:
        this.onHeaders(flags, id, payload);
        break;
      case Type.Continuation:
        this.onContinuation(flags, id, payload);
        break;
      case Type.RstStream:
        this.onReset(id, payload);
        break;
      case Type.Settings:
        this.onSettings(flags, id, payload);
        break;
      case Type.PushPromise:
        throw new ProtocolError(Code.Protocol, 'a client must not push');
      case Type.Ping:
        if (id !== 0) throw new ProtocolError(Code.Protocol, 'a ping of a stream');
        if (payload.length !== 8) throw new ProtocolError(Code.FrameSize, 'a ping of a wrong size');
        if ((flags & Flag.Ack) === 0) this.put(frame(Type.Ping, Flag.Ack, 0, payload));
        break;
      case Type.WindowUpdate:
        this.onWindowUpdate(id, payload);
        break;
      case Type.Priority:
        if (id === 0 || payload.length !== 5)
          throw new ProtocolError(Code.Protocol, 'a wrong priority');
        break;
      case Type.GoAway:
        if (id !== 0) throw new ProtocolError(Code.Protocol, 'a farewell of a stream');
        break;
      default:
      // Frames that we do not know are to be passed over.
    }
  }

  private onHeaders(flags: number, id: number, payload: Buffer): void {
    let part = unpadded(flags, payload);
    if ((flags & Flag.Priority) !== 0) {
      if (part.length < 5) throw new ProtocolError(Code.FrameSize, 'headers are too short');
      part = part.subarray(5);
    }
    if ((id & 1) === 0) throw new ProtocolError(Code.Protocol, 'headers of a wrong stream');
    if ((flags & Flag.EndHeaders) !== 0) this.headers(id, flags, part);
    else this.headersOf = { id, flags, parts: [Buffer.from(part)], bytes: part.length };
  }

  private onContinuation(flags: number, id: number, payload: Buffer): void {
    const open = this.headersOf as NonNullable<typeof this.headersOf>;
    open.parts.push(Buffer.from(payload));
    open.bytes += payload.length;
    if (open.id !== id) throw new ProtocolError(Code.Protocol, 'headers are interrupted');
    if (open.bytes > MAX_HEADER_BYTES || open.parts.length > MAX_CONTINUATIONS)
      throw new ProtocolError(Code.EnhanceYourCalm, 'headers are too large');
    if ((flags & Flag.EndHeaders) === 0) return;
    this.headersOf = undefined;
    this.headers(id, open.flags, Buffer.concat(open.parts));
  }

  private headers(id: number, flags: number, block: Buffer): void {
    let headers: readonly Header[];
    try {
      headers = this.decoder.decode(block);
    } catch (error) {
      if (!(error instanceof HpackError)) throw error;
      throw new ProtocolError(Code.Compression, error.message);
    }
    const isLast = (flags & Flag.EndStream) !== 0;
    if (id <= this.lastId) {
      // Trailers; gRPC's clients have nothing to say in them. Of a stream that we have ended they may come late.
      const stream = this.streams.get(id);
      if (stream === undefined) return;
      if (!isLast) throw new ProtocolError(Code.Protocol, 'a stream has headers twice');
      stream.ended();
      return;
    }
    this.lastId = id;
    if (this.leaving || this.streams.size >= MAX_STREAMS) {
      this.put(frame(Type.RstStream, 0, id, uint32(Code.RefusedStream)));
      return;
    }
    const stream = new ServerStream(this, id, this.peersWindow, STREAM_WINDOW);
    this.streams.set(id, stream);
    stream.listenWith((own) => this.events.open(own, headers));
    if (isLast) stream.ended();
  }

  private onData(flags: number, id: number, payload: Buffer): void {
    if (id === 0 || id > this.lastId)
      throw new ProtocolError(Code.Protocol, 'data of a stream that was never opened');
    this.received += payload.length;
    if (this.received > CONNECTION_WINDOW)
      throw new ProtocolError(Code.FlowControl, 'more data than the window has room for');
    // The connection's own window never stops a stream: each has its own, and its reader to open it.
    if (this.received >= CONNECTION_WINDOW / 2) {
      this.put(frame(Type.WindowUpdate, 0, 0, uint32(this.received)));
      this.received = 0;
    }
    const data = unpadded(flags, payload);
    const stream = this.streams.get(id);
    // We have ended it, and the peer may not know yet.
    if (stream === undefined) return;
    if (stream.isEnded)
      throw new ProtocolError(Code.StreamClosed, 'data behind the end of a stream');
    if (!stream.data(data, payload.length))
      throw new ProtocolError(Code.FlowControl, 'more data than the window has room for');
    if ((flags & Flag.EndStream) !== 0) stream.ended();
  }

  private onReset(id: number, payload: Buffer): void {
    if (payload.length !== 4) throw new ProtocolError(Code.FrameSize, 'a reset of a wrong size');
    if (id === 0 || id > this.lastId)
      throw new ProtocolError(Code.Protocol, 'a reset of a stream that was never opened');
    this.streams.get(id)?.lost();
  }

  private onSettings(flags: number, id: number, payload: Buffer): void {
    if (id !== 0) throw new ProtocolError(Code.Protocol, 'settings of a stream');
    if ((flags & Flag.Ack) !== 0) return;
    if (payload.length % 6 !== 0)
      throw new ProtocolError(Code.FrameSize, 'settings of a wrong size');
    for (let at = 0; at < payload.length; at += 6)
      this.setting(payload.readUInt16BE(at), payload.readUInt32BE(at + 2));
    this.put(frame(Type.Settings, Flag.Ack, 0, Buffer.alloc(0)));
  }

  private setting(name: number, value: number): void {
    if (name === Setting.HeaderTableSize) this.tableDue = true;
    else if (name === Setting.MaxFrameSize) {
      if (value < MAX_FRAME || value >= 2 ** 24)
        throw new ProtocolError(Code.Protocol, 'a frame size that cannot be');
      this.peersFrame = value;
    } else if (name === Setting.InitialWindowSize) {
      if (value > MAX_WINDOW) throw new ProtocolError(Code.FlowControl, 'a window that cannot be');
      const more = value - this.peersWindow;
      this.peersWindow = value;
      for (const stream of [...this.streams.values()]) this.widen(stream, more);
    }
  }

  private onWindowUpdate(id: number, payload: Buffer): void {
    if (payload.length !== 4)
      throw new ProtocolError(Code.FrameSize, 'a window update of a wrong size');
    const more = payload.readUInt32BE(0) & 0x7fffffff;
    if (more === 0) throw new ProtocolError(Code.Protocol, 'a window update of nothing');
    if (id > 0) {
      if (id > this.lastId)
        throw new ProtocolError(Code.Protocol, 'a window of a stream that was never opened');
      const stream = this.streams.get(id);
      if (stream !== undefined) this.widen(stream, more);
      return;
    }
    this.window += more;
    if (this.window > MAX_WINDOW)
      throw new ProtocolError(Code.FlowControl, 'a window that cannot be');
    for (const stream of [...this.streams.values()]) stream.flush();
  }

  private widen(stream: ServerStream, more: number): void {
    if (!stream.widen(more)) throw new ProtocolError(Code.FlowControl, 'a window that cannot be');
  }

  private goAway(code: number): void {
    this.put(frame(Type.GoAway, 0, 0, Buffer.concat([uint32(this.lastId), uint32(code)])));
  }

  private endIfIdle(): void {
    if (this.leaving && this.streams.size === 0) this.end(undefined);
  }

  private end(why: string | undefined): void {
    if (this.state === 'over') return;
    this.state = 'over';
    this.rest = undefined;
    this.events.over(why);
    for (const stream of [...this.streams.values()]) stream.lost();
  }
}
