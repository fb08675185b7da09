// Notices what grpc-js refuses by itself and tells nobody of: a message over the limit, by its length
// prefix or unpacked, and one that does not unpack. Such a call never reaches its handler.
import { type ServerInterceptingCall, type ServerInterceptor, status } from '@grpc/grpc-js';
import type { BadMessage } from './doorkeeper.js';

/** The texts are grpc-js's own. */
const TEXTS: readonly (readonly [number, RegExp, BadMessage])[] = [
  [status.RESOURCE_EXHAUSTED, /^Received message (?:larger|that decompresses)/, 'oversize-message'],
  [status.INTERNAL, /^Failed to decompress message$/, 'bad-message'],
  [status.UNIMPLEMENTED, /^Received message compressed with unsupported/, 'bad-message'],
];

/** Adds no layer to the call: every status goes out by the same function. */
export const unreadableMessages =
  (refused: (reason: BadMessage, peer: string) => void): ServerInterceptor =>
  (_method, call) => {
    const send = call.sendStatus.bind(call);
    call.sendStatus = (end) => {
      const found =
        end.code !== status.OK &&
        TEXTS.find(([code, text]) => code === end.code && text.test(String(end.details)));
      if (found) refused(found[2], call.getPeer());
      send(end);
    };
    return call as ServerInterceptingCall;
  };
