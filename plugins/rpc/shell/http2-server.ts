/**
 * gRPC over our own HTTP/2, for the control socket: a call costs a fraction of what it costs in grpc-js on
 * node:http2, which make a dozen objects and ticks of it (docs/decisions/0024). Only callers that the
 * file's permissions let in come here; what strangers may send goes through grpc-js.
 */
import type { TLSSocket } from 'node:tls';
import type { Clock } from '@swarmkit/sdk/plugin/env';
import type { Logger } from '@swarmkit/sdk/plugin/plugin';
import { type Header, literalHeader } from '../core/hpack.js';
import { ServerSession } from '../core/http2-session.js';
import type { ServerStream, StreamListener } from '../core/http2-stream.js';
import { type MethodKind, type Start, serve } from './adapter.js';
import { shortened } from '../core/status.js';
import { GrpcCall } from './grpc-call.js';

/** More than that on its way to a peer, and nothing is read from it until it has taken it. */
const BACKLOG_BYTES = 1024 * 1024;
const UNIMPLEMENTED = 12;
const UNIT_MS: Readonly<Record<string, number>> = {
  H: 3_600_000,
  M: 60_000,
  S: 1_000,
  m: 1,
  u: 0.001,
  n: 0.000_001,
};

interface Method {
  readonly kind: MethodKind;
  readonly start: Start;
}

interface Options {
  readonly maxBytes: number;
  readonly clock: Clock;
  readonly log: Logger;
}

export class Http2Server {
  private readonly methods = new Map<string, Method>();
  /** Until their sockets are closed. */
  private readonly sessions = new Set<ServerSession>();
  private whenIdle: (() => void) | undefined;

  constructor(private readonly options: Options) {}

  register(path: string, kind: MethodKind, start: Start): void {
    this.methods.set(path, { kind, start });
  }

  serve(socket: TLSSocket): void {
    const { log } = this.options;
    const flush = (): void => {
      const bytes = session.take();
      if (bytes.length === 0 || !socket.writable) return;
      socket.write(bytes);
      if (socket.writableLength <= BACKLOG_BYTES) return;
      session.congest(true);
      socket.pause();
    };
    const session = new ServerSession({
      open: (stream, headers) => this.open(stream, headers),
      // Behind everything that this turn still has to say.
      ready: () => process.nextTick(flush),
      over: (why) => {
        if (why !== undefined) log.debug(`a caller of the control socket was cut off: ${why}`);
        flush();
        if (why === undefined) socket.end();
        else socket.destroySoon();
      },
    });
    this.sessions.add(session);
    socket.on('data', (bytes) => session.receive(bytes));
    socket.on('drain', () => {
      session.congest(false);
      socket.resume();
    });
    socket.on('close', () => {
      session.lost();
      this.sessions.delete(session);
      if (this.sessions.size === 0) this.whenIdle?.();
    });
    if (this.whenIdle !== undefined) session.leave();
  }

  /** Takes no more calls; `done` when those in progress have ended and said so. */
  tryShutdown(done: () => void): void {
    this.whenIdle = done;
    if (this.sessions.size === 0) done();
    for (const session of [...this.sessions]) session.leave();
  }

  private open(stream: ServerStream, headers: readonly Header[]): StreamListener {
    let path = '';
    let verb = '';
    let type = '';
    let timeout: string | undefined;
    for (const [name, value] of headers) {
      if (name === ':path') path = value;
      else if (name === ':method') verb = value;
      else if (name === 'content-type') type = value;
      else if (name === 'grpc-timeout') timeout = value;
    }
    if (verb !== 'POST' || !type.startsWith('application/grpc')) {
      stream.end(literalHeader(':status', '415'));
      return DEAF;
    }
    const method = this.methods.get(path);
    if (method === undefined) {
      const call = new GrpcCall(stream, headers, this.options.maxBytes, undefined);
      const details = `The server does not implement the method ${shortened(path)}`;
      call.fail({ code: UNIMPLEMENTED, details });
      return call;
    }
    const { kind, start } = method;
    const isStream = kind === 'clientStream' || kind === 'bidi';
    const one = isStream
      ? undefined
      : (call: GrpcCall, request: Buffer): void => serve(kind, start, call, request);
    const call = new GrpcCall(stream, headers, this.options.maxBytes, one);
    const limitMs = timeout === undefined ? undefined : millisecondsOf(timeout);
    if (limitMs !== undefined) call.limit((run) => this.options.clock.after(limitMs, run));
    if (isStream) serve(kind, start, call, undefined);
    return call;
  }
}

const DEAF: StreamListener = {
  data: () => undefined,
  finished: () => undefined,
  gone: () => undefined,
  drained: () => undefined,
};

/** `20S`, `300m`. What is no time limits nothing. */
function millisecondsOf(timeout: string): number | undefined {
  const [, count, unit = ''] = /^(\d{1,8})([HMSmun])$/.exec(timeout) ?? [];
  return count === undefined ? undefined : Number(count) * (UNIT_MS[unit] ?? 1);
}
