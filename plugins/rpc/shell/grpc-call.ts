/**
 * One gRPC call on a stream of our own HTTP/2: messages out of what arrives, and headers, messages and
 * status into what is sent. It ends once, whoever ends it; what comes later is passed over.
 */
import { setImmediate as nextTurn } from 'node:timers/promises';
import { Metadata } from '@grpc/grpc-js';
import { type Header, literalHeader, STATUS_OK } from '../core/hpack.js';
import type { ServerStream, StreamListener } from '../core/http2-stream.js';
import type { Status } from '../core/status.js';

const PREFIX_BYTES = 5;
/** Whole messages that wait for a handler; until it takes some the peer is given no more room. */
const WAITING_BYTES = 1024 * 1024;
/** What a message takes besides, so that those with nothing in them have a bound too. */
const MESSAGE_BYTES = 128;
/** gRPC's own; no handler sees them. */
const RESERVED = new Set([
  'grpc-timeout',
  'grpc-encoding',
  'grpc-accept-encoding',
  'accept-encoding',
  'te',
  'content-type',
]);
const BEGIN = Buffer.concat([STATUS_OK, literalHeader('content-type', 'application/grpc')]);
const OK = literalHeader('grpc-status', '0');
const DEADLINE_EXCEEDED = 4;
const RESOURCE_EXHAUSTED = 8;
const UNIMPLEMENTED = 12;
const INTERNAL = 13;

export class GrpcCall implements StreamListener {
  /** Of the message that is arriving. */
  private readonly prefix = Buffer.alloc(PREFIX_BYTES);
  private prefixBytes = 0;
  private body: Buffer | undefined;
  private bodyBytes = 0;
  private readonly messages: Buffer[] = [];
  private waitingBytes = 0;
  /** Received, and the peer was given no room for them yet. */
  private heldBytes = 0;
  private hasEnded = false;
  private hasBegun = false;
  /** Answered, refused, or given up by the caller. */
  private isOver = false;
  private wake = (): void => undefined;
  private disarm = (): void => undefined;
  private readonly cancelListeners: (() => void)[] = [];
  private readonly drainListeners: (() => void)[] = [];
  private received: Metadata | undefined;

  /** `one`: called with the only request when the caller has said it; undefined where requests are a stream. */
  constructor(
    private readonly stream: ServerStream,
    private readonly headers: readonly Header[],
    private readonly maxBytes: number,
    private readonly one: ((call: GrpcCall, request: Buffer) => void) | undefined,
  ) {}

  // For the handler's side, by the names that grpc-js has.

  /** Made when it is asked for, which most handlers never do. */
  get metadata(): Metadata {
    this.received ??= metadataOf(this.headers);
    return this.received;
  }

  /** Who calls from where is only told of the remote port. */
  getPeer(): string {
    return '';
  }

  on(event: 'cancelled' | 'drain', listener: () => void): void {
    (event === 'drain' ? this.drainListeners : this.cancelListeners).push(listener);
  }

  write(message: Uint8Array): boolean {
    if (this.isOver) return true;
    if (!this.hasBegun) this.stream.headers(BEGIN);
    this.hasBegun = true;
    this.stream.send(framed(message));
    return this.stream.isFree;
  }

  end(): void {
    if (this.isOver) return;
    if (!this.hasBegun) this.stream.headers(BEGIN);
    this.over();
    this.stream.end(OK);
  }

  emit(_event: 'error', status: Status): boolean {
    this.fail(status);
    return true;
  }

  /** The only answer. */
  answer(message: Uint8Array): void {
    if (this.isOver) return;
    this.over();
    this.stream.answer(BEGIN, framed(message), OK);
  }

  fail({ code, details }: Status): void {
    if (this.isOver) return;
    const trailers: Buffer[] = this.hasBegun ? [] : [BEGIN];
    trailers.push(literalHeader('grpc-status', String(code)));
    if (details !== '') trailers.push(literalHeader('grpc-message', percentEncoded(details)));
    this.over();
    this.stream.end(...trailers);
  }

  /** Requests as they come. Throws `reason()` when the caller went, or the call ended, before all were here. */
  async *requests(reason: () => Error): AsyncGenerator<Buffer, void, undefined> {
    for (;;) {
      const message = this.messages.shift();
      if (message !== undefined) {
        this.taken(message);
        yield message;
      } else if (this.isOver) throw reason();
      else if (this.hasEnded) break;
      else
        await new Promise<void>((resolve) => {
          this.wake = resolve;
        });
    }
    // Node's own client ends a stream that it gives up, and resets it only then: half a snapshot must not
    // be taken for a whole one.
    await nextTurn();
    if (this.isOver) throw reason();
  }

  /** Refuses it when the caller's time is over. */
  limit(after: (run: () => void) => () => void): void {
    this.disarm = after(() => {
      this.fail({ code: DEADLINE_EXCEEDED, details: 'Deadline exceeded' });
      for (const listener of this.cancelListeners) listener();
    });
  }

  // For the session.

  data(bytes: Buffer): void {
    let at = 0;
    while (at < bytes.length && !this.isOver) at = this.receive(bytes, at);
    // What belongs to a message that is not whole is never held back: it may be larger than the window.
    if (this.isOver || this.waitingBytes <= WAITING_BYTES) this.stream.consumed(bytes.length);
    else this.heldBytes += bytes.length;
    this.wake();
  }

  finished(): void {
    this.hasEnded = true;
    if (this.isOver) return;
    if (this.prefixBytes > 0)
      this.fail({ code: INTERNAL, details: 'the call ends in the middle of a message' });
    else if (this.one !== undefined) {
      const [request, more] = this.messages;
      if (request === undefined || more !== undefined)
        this.fail({ code: INTERNAL, details: 'the call must have one request' });
      else this.one(this, request);
    }
    this.wake();
  }

  gone(): void {
    if (this.isOver) return;
    this.over();
    for (const listener of this.cancelListeners) listener();
  }

  drained(): void {
    for (const listener of this.drainListeners) listener();
  }

  /** Takes from `at` on what belongs to the message that is arriving; answers where the rest begins. */
  private receive(bytes: Buffer, at: number): number {
    let next = at;
    if (this.body === undefined) {
      next += bytes.copy(this.prefix, this.prefixBytes, at, at + PREFIX_BYTES - this.prefixBytes);
      this.prefixBytes += next - at;
      if (this.prefixBytes < PREFIX_BYTES) return next;
      const length = this.prefix.readUInt32BE(1);
      if (this.prefix[0] !== 0) {
        this.fail({ code: UNIMPLEMENTED, details: 'compressed messages are not taken' });
        return next;
      }
      if (length > this.maxBytes) {
        const details = `Received message larger than max (${length} vs. ${this.maxBytes})`;
        this.fail({ code: RESOURCE_EXHAUSTED, details });
        return next;
      }
      this.body = Buffer.allocUnsafe(length);
      this.bodyBytes = 0;
    }
    const { body } = this;
    const copied = bytes.copy(body, this.bodyBytes, next);
    this.bodyBytes += copied;
    if (this.bodyBytes < body.length) return next + copied;
    this.messages.push(body);
    this.waitingBytes += MESSAGE_BYTES + body.length;
    this.body = undefined;
    this.prefixBytes = 0;
    return next + copied;
  }

  private taken(message: Buffer): void {
    this.waitingBytes -= MESSAGE_BYTES + message.length;
    if (this.waitingBytes > WAITING_BYTES) return;
    this.stream.consumed(this.heldBytes);
    this.heldBytes = 0;
  }

  private over(): void {
    this.isOver = true;
    this.disarm();
    this.wake();
  }
}

function framed(message: Uint8Array): Buffer {
  const bytes = Buffer.allocUnsafe(PREFIX_BYTES + message.length);
  bytes[0] = 0;
  bytes.writeUInt32BE(message.length, 1);
  bytes.set(message, PREFIX_BYTES);
  return bytes;
}

function metadataOf(headers: readonly Header[]): Metadata {
  const metadata = new Metadata();
  for (const [name, value] of headers) {
    if (name.startsWith(':') || RESERVED.has(name)) continue;
    try {
      if (name.endsWith('-bin'))
        for (const one of value.split(',')) metadata.add(name, Buffer.from(one, 'base64'));
      else metadata.add(name, value);
    } catch {
      // A name or value that gRPC does not allow is left out, as by grpc-js.
    }
  }
  return metadata;
}

/** As gRPC wants its texts: printable ASCII, the rest and the sign itself as %XX of UTF-8. */
const percentEncoded = (text: string): string =>
  /^[ -$&-~]*$/.test(text)
    ? text
    : Array.from(Buffer.from(text), (byte) =>
        byte >= 0x20 && byte <= 0x7e && byte !== 0x25
          ? String.fromCharCode(byte)
          : `%${byte.toString(16).toUpperCase().padStart(2, '0')}`,
      ).join('');
