// What travels with a call that is passed on: what its caller sent, whose call it is, and the mark that
// it was passed on once.
import type { Call } from '@swarmkit/sdk/contracts/rpc';
import {
  FORWARDED,
  FORWARDED_KEYS,
  forwardedMetadata,
  REDIRECT,
} from '@swarmkit/sdk/model/forwarded-call';
import { SwarmError } from '@swarmkit/sdk/plugin/errors';

export type Incoming = Pick<Call, 'exposure' | 'peer' | 'metadata'>;

/** Throws for a call that was passed on before: going round in circles would change whose call it is. */
export function refuseSecondHop({ metadata, peer }: Incoming): void {
  const from = metadata.get(REDIRECT) ?? (metadata.has(FORWARDED) ? peer.address : undefined);
  if (from === undefined) return;
  throw new SwarmError(
    'resource-exhausted',
    'PROXY_TWICE',
    `more than one redirect to leader from: [${from}]`,
  );
}

/** On the socket it is this manager's own call, and its certificate says so. */
export function outgoingMetadata({ exposure, peer, metadata }: Incoming): Record<string, string> {
  const kept = [...metadata].filter(([key, value]) => isPassedOn(key) && PRINTABLE.test(value));
  return {
    ...Object.fromEntries(kept),
    ...(exposure === 'remote' ? forwardedMetadata(peer) : {}),
    [REDIRECT]: peer.address === '' ? SOCKET : peer.address,
  };
}

/** How SwarmKit writes the address of a caller on a unix socket. */
const SOCKET = '@';

const isPassedOn = (key: string): boolean =>
  !RESERVED.has(key) && !key.startsWith('grpc-') && !key.startsWith(':');

const RESERVED: ReadonlySet<string> = new Set([
  ...FORWARDED_KEYS,
  REDIRECT,
  'connection',
  'content-length',
  'content-type',
  'date',
  'host',
  'te',
  'transfer-encoding',
  'user-agent',
]);

/** What gRPC lets through as a value. */
const PRINTABLE = /^[ -~]*$/;
