// A service of our own with every kind of method, as a third party would mount one. Messages are text.
import type { MethodDefinition } from '@grpc/grpc-js';

const method = <Q extends boolean, S extends boolean>(
  name: string,
  requestStream: Q,
  responseStream: S,
): MethodDefinition<string, string> => ({
  path: `/test.probe.v1.Probe/${name}`,
  requestStream,
  responseStream,
  requestSerialize: (value) => Buffer.from(value),
  requestDeserialize: (bytes) => bytes.toString(),
  responseSerialize: (value) => {
    if (typeof value !== 'string') throw new TypeError('not a text');
    return Buffer.from(value);
  },
  responseDeserialize: (bytes) => bytes.toString(),
});

export const ProbeService = {
  unary: method('Unary', false, false),
  down: method('Down', false, true),
  up: method('Up', true, false),
  both: method('Both', true, true),
};
