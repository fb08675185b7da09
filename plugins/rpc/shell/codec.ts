// A handler of a contract as work on bytes. Bytes are decoded and encoded here and nowhere else, so that
// a call that is only passed on needs neither. What does not fit its type ends the call, never the process.
import type { MethodDefinition } from '@grpc/grpc-js';
import type { Handler } from '@swarmkit/sdk/contracts/rpc';
import { messageOf, SwarmError } from '@swarmkit/sdk/plugin/errors';
import type { ActiveCall } from './active-call.js';

export type Send = (message: Uint8Array) => Promise<void>;

/** What answers a call. `one` is for unary methods, and is the fast way. */
export type Work =
  | { readonly one: (request: Uint8Array, call: ActiveCall) => Promise<Uint8Array> | Uint8Array }
  | {
      readonly many: (
        requests: AsyncIterable<Uint8Array>,
        call: ActiveCall,
        send: Send,
      ) => Promise<void>;
    };

// biome-ignore lint/suspicious/noExplicitAny: as in the contract, the definition checks messages at run time.
type Method = MethodDefinition<any, any>;

/** `broken` is told of an answer that does not fit its type: a bug of ours. */
export function workOf(
  method: Method,
  handler: Handler,
  broken: (path: string, error: unknown) => void,
): Work {
  const decode = (bytes: Uint8Array): unknown => {
    try {
      return method.requestDeserialize(bytes as Buffer);
    } catch (error) {
      throw badMessage(method.path, error);
    }
  };
  const encode = (message: unknown): Uint8Array => {
    try {
      return method.responseSerialize(message);
    } catch (error) {
      broken(method.path, error);
      throw badAnswer(method.path, error);
    }
  };
  if ('unary' in handler)
    return {
      one: (request, call) => {
        const answer = handler.unary(decode(request), call);
        return answer instanceof Promise ? answer.then(encode) : encode(answer);
      },
    };
  const decoded = async function* (requests: AsyncIterable<Uint8Array>) {
    for await (const bytes of requests) yield decode(bytes);
  };
  if ('clientStream' in handler)
    return {
      many: async (requests, call, send) =>
        send(encode(await handler.clientStream(decoded(requests), call))),
    };
  if ('serverStream' in handler)
    return {
      many: async (requests, call, send) =>
        handler.serverStream(decode(await firstOf(requests)), call, (message) =>
          send(encode(message)),
        ),
    };
  return {
    many: (requests, call, send) =>
      handler.bidi(decoded(requests), call, (message) => send(encode(message))),
  };
}

/** The one request of a method that has one. */
export async function firstOf(requests: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  for await (const request of requests) return request;
  return new Uint8Array();
}

/** gRPC's own status for it. */
const badMessage = (path: string, cause: unknown): SwarmError =>
  new SwarmError(
    'internal',
    'RPC_BAD_MESSAGE',
    `the request of ${path} cannot be read: ${messageOf(cause)}`,
    { cause },
  );

const badAnswer = (path: string, cause: unknown): SwarmError =>
  new SwarmError('internal', 'RPC_BAD_ANSWER', `the answer of ${path} does not fit its type`, {
    cause,
  });
