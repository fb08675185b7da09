// A listening TLS socket in front of gRPC. Owning the socket (and handing decrypted connections to
// grpc-js) is what lets us ask for a client certificate without demanding one, end connections whose
// certificate does not verify, exchange our own certificate under open streams, and say clearly why a
// listen failed. Only documented APIs of grpc-js and node:tls are used.
import { chmodSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { constants } from 'node:crypto';
import { createServer, type SecureContextOptions, type TLSSocket } from 'node:tls';
import { isVerifiedClient, peerCertificate } from '@swarmkit/sdk/client/peer-chain';
import type { Identity } from '@swarmkit/sdk/contracts/identity';
import type { Endpoint, Peer } from '@swarmkit/sdk/contracts/rpc';
import { SwarmError } from '@swarmkit/sdk/plugin/errors';
import type { Logger } from '@swarmkit/sdk/plugin/plugin';
import { formatHostPort, parseHostPort } from '../core/address.js';
import { DEFAULT_LIMITS } from '../core/crowd.js';
import { peerOf } from '../core/peer.js';
import { claimSocketPath, codeOf, socketInUse, unusable } from './control-socket.js';
import { type Doorkeeper, handshakeRefusal } from './doorkeeper.js';

export interface Listener {
  readonly endpoint: Endpoint;
  /** New connections are greeted with this certificate and judged by these roots. */
  use(identity: Identity): void;
  /** Accepts no more; open connections live on until `destroy`. */
  close(): void;
  destroy(): void;
}

interface Options {
  readonly identity: Identity;
  readonly log: Logger;
  readonly accept: (socket: TLSSocket) => void;
}

/** What a port needs besides. */
interface PortOptions extends Omit<Options, 'accept'> {
  readonly door: Doorkeeper;
  /** Wall clock, ms. */
  readonly now: () => number;
  /** By whom it is, so that strangers and managers are served apart. */
  readonly accept: (socket: TLSSocket, peer: Peer) => void;
}

/** The control socket: no client certificate, mode 0600. */
export async function listenOnSocket(path: string, options: Options): Promise<Listener> {
  await claimSocketPath(path);
  const server = tlsServer(options);
  await listening(server, () => {
    server.listen(path);
    // In the same tick as the bind: nobody has been accepted yet.
    if (server.listening) chmodSync(path, 0o600);
  }).catch((error: unknown) => {
    throw codeOf(error) === 'EADDRINUSE' ? socketInUse(path, error) : unusable(path, error);
  });
  return listenerOf(server, options, { exposure: 'control', address: `unix:${path}` });
}

/** The remote port. `peers` holds who is at the other end, by `ip:port`, while connected. */
export async function listenOnPort(
  address: string,
  peers: Map<string, Peer>,
  options: PortOptions,
): Promise<Listener> {
  const { host, port } = parseHostPort(address);
  let { rootsPem } = options.identity;
  const { door, now } = options;
  const accept = (socket: TLSSocket): void => {
    const key = keyOf(socket);
    const peer = verifiedPeer(socket, rootsPem, now());
    if (peer === undefined) {
      door.refused('bad-certificate', { peer: key, err: socket.authorizationError });
      socket.destroy();
      return;
    }
    // Docker's nodes name no protocol any more once they have renewed their certificate, and speak HTTP/2.
    if (socket.alpnProtocol !== 'h2' && peer.role === 'none') {
      door.refused('no-h2', { peer: key });
      socket.destroy();
      return;
    }
    // Node's HTTP/2 serves what says that it is HTTP/2.
    socket.alpnProtocol = 'h2';
    peers.set(key, peer);
    socket.once('close', () => {
      if (peers.get(key) === peer) peers.delete(key);
    });
    if (peer.role !== 'none') door.known(key, peer.nodeId);
    options.accept(socket, peer);
  };
  const server = tlsServer({ ...options, accept }, door);
  server.on('connection', (socket) => {
    const key = keyOf(socket);
    // One that is gone already has no address.
    if (socket.remoteAddress === undefined) return;
    door.entered(key, socket.remoteAddress, socket);
    socket.once('close', () => door.left(key));
  });
  await listening(server, () => server.listen(port, host === '' ? undefined : host)).catch(
    (error: unknown) => {
      throw codeOf(error) === 'EADDRINUSE'
        ? addressInUse(address, error)
        : unusable(address, error);
    },
  );
  const bound = server.address() as AddressInfo;
  const listener = listenerOf(server, options, {
    exposure: 'remote',
    address: formatHostPort({ host, port: bound.port }),
  });
  return {
    ...listener,
    use: (identity) => {
      rootsPem = identity.rootsPem;
      listener.use(identity);
    },
  };
}

type TlsServer = ReturnType<typeof createServer>;

/** `door`: that of a port. The control socket has none, and asks for no certificate. */
function tlsServer(options: Options, door?: Doorkeeper): TlsServer {
  const server = createServer({
    ...contextOf(options.identity),
    requestCert: door !== undefined,
    // A missing certificate is fine for some calls; node cannot ask for "none or a good one", so the
    // bad ones are dropped in `accept`.
    rejectUnauthorized: false,
    ALPNProtocols: ['h2'],
    handshakeTimeout: door?.limits.handshakeMs ?? DEFAULT_LIMITS.handshakeMs,
  });
  server.on('secureConnection', (socket) => {
    const peer = keyOf(socket);
    // http2 hears errors of the session; this is for those that come before and after it.
    socket.on('error', (error) => {
      if (/HTTP2/.test(codeOf(error) ?? '')) door?.refused('bad-http2', { peer, err: error });
    });
    options.accept(socket);
  });
  server.on('tlsClientError', (error, socket) => {
    const peer = keyOf(socket);
    // A port scan, or a caller that thought better of it, is nobody's fault.
    if (codeOf(error) !== 'ECONNRESET')
      door?.refused(handshakeRefusal(codeOf(error)), { peer, err: error });
    // After a handshake that took too long Node leaves the connection itself open.
    door?.close(peer);
    options.log.debug({ err: error }, 'TLS handshake failed');
  });
  return server;
}

const keyOf = (socket: Pick<TLSSocket, 'remoteAddress' | 'remotePort'>): string =>
  `${socket.remoteAddress}:${socket.remotePort}`;

/** TLS 1.2 suites are SwarmKit's; without tickets nobody resumes a session that old roots verified. */
const contextOf = (identity: Identity): SecureContextOptions => ({
  cert: identity.certificatePem,
  key: identity.keyPem,
  ca: identity.rootsPem,
  minVersion: 'TLSv1.2',
  ciphers: [
    'TLS_AES_128_GCM_SHA256',
    'TLS_AES_256_GCM_SHA384',
    'TLS_CHACHA20_POLY1305_SHA256',
    'ECDHE-ECDSA-AES256-GCM-SHA384',
    'ECDHE-RSA-AES256-GCM-SHA384',
    'ECDHE-ECDSA-AES128-GCM-SHA256',
    'ECDHE-RSA-AES128-GCM-SHA256',
    'ECDHE-ECDSA-CHACHA20-POLY1305',
    'ECDHE-RSA-CHACHA20-POLY1305',
  ].join(':'),
  // Renegotiation costs the server more than the client.
  secureOptions: constants.SSL_OP_NO_TICKET | constants.SSL_OP_NO_RENEGOTIATION,
});

/** Undefined when a certificate was shown that does not verify. */
function verifiedPeer(socket: TLSSocket, rootsPem: string, now: number): Peer | undefined {
  const address = formatHostPort({
    host: socket.remoteAddress ?? '',
    port: socket.remotePort ?? 0,
  });
  // Node takes two milliseconds to make the certificate object, and less than one for this.
  if (socket.authorized) return peerOf(socket.getPeerCertificate().subject, address);
  const leaf = peerCertificate(socket);
  if (leaf === undefined) return peerOf(undefined, address);
  return isVerifiedClient(socket, leaf, rootsPem, now)
    ? peerOf(leaf.toLegacyObject().subject, address)
    : undefined;
}

const listening = (server: TlsServer, listen: () => void): Promise<void> =>
  new Promise((resolve, reject) => {
    server.once('error', reject);
    server.once('listening', () => {
      server.off('error', reject);
      resolve();
    });
    listen();
  });

function listenerOf(
  server: TlsServer,
  options: Pick<Options, 'log'>,
  endpoint: Endpoint,
): Listener {
  const sockets = new Set<TLSSocket>();
  server.on('error', (error) => options.log.warn({ err: error, ...endpoint }, 'listener failed'));
  server.on('secureConnection', (socket) => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
  });
  return {
    endpoint,
    use: (identity) => server.setSecureContext(contextOf(identity)),
    close: () => {
      server.close();
    },
    destroy: () => {
      for (const socket of sockets) socket.destroy();
    },
  };
}

const addressInUse = (address: string, cause: unknown): SwarmError =>
  new SwarmError(
    'failed-precondition',
    'RPC_ADDRESS_IN_USE',
    `another process listens on ${address}: stop it or give this node another address`,
    { cause },
  );
