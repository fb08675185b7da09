// Turns a contract handler into what grpc-js calls. Whatever a handler throws becomes a status here,
// once; nothing it does and nothing the peer does may escape as an exception or an unheard event.
import { setImmediate as nextTurn } from 'node:timers/promises';
import type {
  Metadata,
  MethodDefinition,
  ServerDuplexStream,
  ServerReadableStream,
  ServerUnaryCall,
  ServerWritableStream,
  sendUnaryData,
  UntypedHandleCall,
} from '@grpc/grpc-js';
import { SwarmError } from '@swarmkit/sdk/plugin/errors';
import { type Status, statusOf } from '../core/status.js';
import type { ActiveCall } from './active-call.js';
import { firstOf, type Send, type Work } from './codec.js';

type Bytes = Uint8Array;

/** What every call object of grpc-js has. */
export interface WireCall {
  readonly metadata: Metadata;
  getPeer(): string;
  on(event: 'cancelled', listener: () => void): unknown;
}

/** The sending half of a streaming call. */
interface Sink {
  write(message: Bytes): boolean;
  end(): unknown;
  on(event: 'drain', listener: () => void): unknown;
  emit(event: 'error', status: Status): boolean;
}

export interface Started {
  readonly work: Work;
  readonly call: ActiveCall;
  /** Called once, when the call has ended. */
  ended(): void;
  /** Called besides, with what its handler threw. */
  failed(error: unknown): void;
}

/** Finds who answers and whether the caller may ask. Throws the refusal. */
export type Start = (wire: WireCall) => Started;

export type MethodKind = 'unary' | 'clientStream' | 'serverStream' | 'bidi';

export const kindOf = (method: MethodDefinition<unknown, unknown>): MethodKind =>
  method.requestStream
    ? method.responseStream
      ? 'bidi'
      : 'clientStream'
    : method.responseStream
      ? 'serverStream'
      : 'unary';

export const adapt = (kind: MethodKind, start: Start): UntypedHandleCall => ADAPTERS[kind](start);

const ADAPTERS = {
  unary: (start: Start) => (wire: ServerUnaryCall<Bytes, Bytes>, respond: Respond) => {
    run(start, wire, tellBy(respond), answerBy(respond), ({ work, call }) =>
      'one' in work ? work.one(wire.request, call) : oneAnswer(work, only(wire.request), call),
    );
  },

  clientStream: (start: Start) => (wire: ServerReadableStream<Bytes, Bytes>, respond: Respond) => {
    run(start, wire, tellBy(respond), answerBy(respond), ({ work, call }) =>
      oneAnswer(work, requestsOf(wire, call), call),
    );
  },

  serverStream: (start: Start) => (wire: ServerWritableStream<Bytes, Bytes>) => {
    run(start, wire, tellStream(wire), endStream(wire), ({ work, call }) =>
      answers(work, only(wire.request), call, sender(wire, call)),
    );
  },

  bidi: (start: Start) => (wire: ServerDuplexStream<Bytes, Bytes>) => {
    run(start, wire, tellStream(wire), endStream(wire), ({ work, call }) =>
      answers(work, requestsOf(wire, call), call, sender(wire, call)),
    );
  },
};

/** A call that our own HTTP/2 carries. */
interface OwnCall extends WireCall, Sink {
  on(event: 'cancelled' | 'drain', listener: () => void): unknown;
  requests(reason: () => Error): AsyncIterable<Bytes>;
  answer(message: Bytes): void;
  fail(status: Status): void;
}

/** As `adapt`, without grpc-js. `request`: of the kinds that have one. */
export function serve(
  kind: MethodKind,
  start: Start,
  wire: OwnCall,
  request: Bytes = NOTHING,
): void {
  const tell: Tell = (status) => wire.fail(status);
  const requests = (call: ActiveCall): AsyncIterable<Bytes> =>
    kind === 'unary' || kind === 'serverStream'
      ? only(request)
      : wire.requests(() => call.reason ?? gone(call));
  if (kind === 'unary' || kind === 'clientStream')
    run(
      start,
      wire,
      tell,
      (message) => wire.answer(message),
      ({ work, call }) =>
        kind === 'unary' && 'one' in work
          ? work.one(request, call)
          : oneAnswer(work, requests(call), call),
    );
  else
    run(start, wire, tell, endStream(wire), ({ work, call }) =>
      answers(work, requests(call), call, sender(wire, call)),
    );
}

type Respond = sendUnaryData<Bytes>;
type Tell = (status: Status) => void;
type Answer = (message: Bytes) => void;

const tellBy = (respond: Respond): Tell => {
  return (status) => respond(status);
};
const answerBy = (respond: Respond): Answer => {
  return (message) => respond(null, message);
};
/** grpc-js sends the status of an error event after what was written before it. */
const tellStream = (wire: Sink): Tell => {
  return (status) => wire.emit('error', status);
};
const endStream = (wire: Sink): Answer => {
  return () => wire.end();
};

/** Streamed answers are sent on the way; what is left to say is that they have ended. */
const ENDED = Buffer.alloc(0);
const NOTHING = Buffer.alloc(0);

async function* only(request: Bytes): AsyncGenerator<Bytes, void, undefined> {
  yield request;
}

async function answers(
  work: Work,
  requests: AsyncIterable<Bytes>,
  call: ActiveCall,
  send: Send,
): Promise<Bytes> {
  if ('one' in work) await send(await work.one(await firstOf(requests), call));
  else await work.many(requests, call, send);
  return ENDED;
}

async function oneAnswer(
  work: Work,
  requests: AsyncIterable<Bytes>,
  call: ActiveCall,
): Promise<Bytes> {
  let answer: Bytes | undefined;
  await answers(work, requests, call, (message) => {
    answer ??= message;
    return SENT;
  });
  return answer ?? ENDED;
}

function run(
  start: Start,
  wire: WireCall,
  tell: Tell,
  answer: Answer,
  work: (started: Started) => Promise<Bytes> | Bytes,
): void {
  let started: Started;
  try {
    started = start(wire);
  } catch (refusal) {
    tell(statusOf(refusal));
    return;
  }
  const { call } = started;
  const fail = (error: unknown): void => {
    // After an abort the caller has its answer, and a throw is how a handler stops.
    if (!call.finish()) return;
    started.ended();
    started.failed(error);
    tell(statusOf(error));
  };
  call.onAbort((reason) => {
    started.ended();
    tell(statusOf(reason));
  });
  // grpc-js says so after a regular end too.
  wire.on('cancelled', () => {
    if (!call.ended) call.abort(gone(call));
  });

  let result: Promise<Bytes> | Bytes;
  try {
    result = work(started);
  } catch (error) {
    fail(error);
    return;
  }
  Promise.resolve(result).then((message) => {
    if (!call.finish()) return;
    started.ended();
    answer(message);
  }, fail);
}

const SENT = Promise.resolve();

/** Waits for the peer once the stream's buffer (16 messages) is full. */
function sender(wire: Sink, call: ActiveCall): Send {
  let waiting:
    | { readonly promise: Promise<void>; resolve(): void; reject(reason: Error): void }
    | undefined;
  wire.on('drain', () => {
    waiting?.resolve();
    waiting = undefined;
  });
  call.onAbort((reason) => waiting?.reject(reason));
  return (message) => {
    if (call.ended) return rejected(call.reason ?? gone(call));
    if (wire.write(message)) return SENT;
    waiting ??= deferred();
    return waiting.promise;
  };
}

function deferred() {
  let resolve = (): void => undefined;
  let reject = (_reason: Error): void => undefined;
  const settled = new Promise<void>((yes, no) => {
    resolve = yes;
    reject = no;
  });
  return { promise: heard(settled), resolve, reject };
}

const rejected = (reason: Error): Promise<void> => heard(Promise.reject(reason));

/** A handler that does not wait for `send` must not bring the process down when the call ends. */
function heard(promise: Promise<void>): Promise<void> {
  promise.catch(() => undefined);
  return promise;
}

async function* requestsOf(
  wire: ServerReadableStream<Bytes, Bytes>,
  call: ActiveCall,
): AsyncGenerator<Bytes, void, undefined> {
  try {
    // A handler that stops reading must still be able to answer.
    yield* wire.iterator({ destroyOnReturn: false });
  } catch {
    throw call.reason ?? gone(call);
  }
  // A peer that resets the stream looks like one that has finished, until a tick later: half a
  // snapshot must not be taken for a whole one.
  await nextTurn();
  if (call.reason !== undefined) throw call.reason;
}

const gone = (call: ActiveCall): SwarmError =>
  new SwarmError(
    'cancelled',
    'RPC_CANCELLED',
    `the caller of ${call.path} is gone or its deadline has passed`,
  );
