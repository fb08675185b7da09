import type { MethodDefinition } from '@grpc/grpc-js';

export type RawMethod = MethodDefinition<Uint8Array, Uint8Array>;

const asIs = (bytes: Uint8Array): Buffer =>
  Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);

const known = new WeakMap<object, RawMethod>();

/** The method with bytes for messages. */
export function rawMethod(method: MethodDefinition<unknown, unknown>): RawMethod {
  let raw = known.get(method);
  if (raw === undefined) {
    const { path, requestStream, responseStream } = method;
    raw = {
      path,
      requestStream,
      responseStream,
      requestSerialize: asIs,
      requestDeserialize: asIs,
      responseSerialize: asIs,
      responseDeserialize: asIs,
    };
    known.set(method, raw);
  }
  return raw;
}
