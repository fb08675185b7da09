// Turns a contract handler into what grpc-js calls. Whatever a handler throws becomes a status here,
// once; nothing it does and nothing the peer does may escape as an exception or an unheard event.
import { setImmediate as nextTurn } from 'node:timers/promises';
import type {
  Metadata,
  MethodDefinition,
  Server,
  ServerDuplexStream,
  ServerReadableStream,
  ServerUnaryCall,
  ServerWritableStream,
  sendUnaryData,
} from '@grpc/grpc-js';
import type { Handler } from '@swarmkit/sdk/contracts/rpc';
import { SwarmError } from '@swarmkit/sdk/plugin/errors';
import { type Status, statusOf } from '../core/status.js';
import type { ActiveCall } from './active-call.js';

// The definition's own functions check messages; here they only pass through.
type Message = unknown;

type HandleCall = Parameters<Server['register']>[1];

/** What every call object of grpc-js has. */
export interface WireCall {
  readonly metadata: Metadata;
  getPeer(): string;
  on(event: 'cancelled', listener: () => void): unknown;
}

/** The sending half of a streaming call. */
interface Sink {
  write(message: Message): boolean;
  end(): unknown;
  on(event: 'drain', listener: () => void): unknown;
  emit(event: 'error', status: Status): boolean;
}

export interface Started {
  readonly handler: Handler;
  readonly call: ActiveCall;
  /** Called once, when the call has ended. */
  ended(): void;
  /** Called besides, with what its handler threw. */
  failed(error: unknown): void;
}

/** Finds who answers and whether the caller may ask. Throws the refusal. */
export type Start = (wire: WireCall) => Started;

export type MethodKind = 'unary' | 'clientStream' | 'serverStream' | 'bidi';

export const kindOf = (method: MethodDefinition<Message, Message>): MethodKind =>
  method.requestStream
    ? method.responseStream
      ? 'bidi'
      : 'clientStream'
    : method.responseStream
      ? 'serverStream'
      : 'unary';

export const adapt = (kind: MethodKind, start: Start): HandleCall => ADAPTERS[kind](start);

const ADAPTERS = {
  unary: (start: Start) => (wire: ServerUnaryCall<Message, Message>, respond: Respond) => {
    run(start, wire, tellBy(respond), answerBy(respond), ({ handler, call }) =>
      'unary' in handler ? handler.unary(wire.request, call) : wrongKind(call),
    );
  },

  clientStream:
    (start: Start) => (wire: ServerReadableStream<Message, Message>, respond: Respond) => {
      run(start, wire, tellBy(respond), answerBy(respond), ({ handler, call }) =>
        'clientStream' in handler
          ? handler.clientStream(requestsOf(wire, call), call)
          : wrongKind(call),
      );
    },

  serverStream: (start: Start) => (wire: ServerWritableStream<Message, Message>) => {
    run(start, wire, tellStream(wire), endStream(wire), ({ handler, call }) =>
      'serverStream' in handler
        ? handler.serverStream(wire.request, call, sender(wire, call))
        : wrongKind(call),
    );
  },

  bidi: (start: Start) => (wire: ServerDuplexStream<Message, Message>) => {
    run(start, wire, tellStream(wire), endStream(wire), ({ handler, call }) =>
      'bidi' in handler
        ? handler.bidi(requestsOf(wire, call), call, sender(wire, call))
        : wrongKind(call),
    );
  },
};

type Respond = sendUnaryData<Message>;
type Tell = (status: Status) => void;
type Answer = (message: Message) => void;

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

function run(
  start: Start,
  wire: WireCall,
  tell: Tell,
  answer: Answer,
  work: (started: Started) => Promise<Message> | Message,
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

  let result: Promise<Message> | Message;
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
function sender(wire: Sink, call: ActiveCall): (message: Message) => Promise<void> {
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
  wire: ServerReadableStream<Message, Message>,
  call: ActiveCall,
): AsyncGenerator<Message, void, undefined> {
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

/** `mount` has checked it; without this the compiler would have to be told so. */
const wrongKind = (call: ActiveCall): never => {
  throw new SwarmError(
    'internal',
    'RPC_HANDLER_KIND',
    `${call.path} has a handler of another kind`,
  );
};
