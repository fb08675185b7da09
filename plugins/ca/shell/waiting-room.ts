// The control socket of a node that is locked: it waits for `swarmctl unlock`, and says so to everybody
// else. gRPC's server here is a small one of its own, since the real one needs the identity that is locked.
import { chmodSync } from 'node:fs';
import { lstat, unlink } from 'node:fs/promises';
import { connect } from 'node:net';
import { createServer, type Server as TlsServer, type TLSSocket } from 'node:tls';
import { type handleUnaryCall, Server, ServerCredentials } from '@grpc/grpc-js';
import { statusOfKind } from '@swarmkit/sdk/client/status';
import { isSwarmError, messageOf, SwarmError } from '@swarmkit/sdk/plugin/errors';
import { LockService } from '@swarmkit/sdk/wire/gen/node/lock';
import { ControlService } from '@swarmkit/sdk/wire/gen/swarmkit/control';

export const LOCKED =
  'this node is locked and does nothing until it is unlocked: run swarmctl unlock here';

export interface WaitingRoom {
  close(): void;
}

export interface WaitingRoomParts {
  /** Path of the socket. */
  readonly path: string;
  /** Nobody verifies it: the socket's mode decides who may connect. */
  readonly certificate: { readonly certificatePem: string; readonly keyPem: string };
  /** Throws a SwarmError to refuse the key. */
  readonly unlock: (key: string) => Promise<void>;
}

export async function openWaitingRoom(parts: WaitingRoomParts): Promise<WaitingRoom> {
  const { path, certificate } = parts;
  await clear(path);
  const grpc = new Server({ 'grpc.enable_channelz': 0 });
  grpc.addService(LockService, { unlock: unary(({ key }: { key: string }) => parts.unlock(key)) });
  const locked = unary(() => {
    throw refusal(LOCKED);
  });
  for (const { path: method, requestDeserialize, responseSerialize } of Object.values(
    ControlService,
  ))
    grpc.register(
      method,
      locked,
      responseSerialize as (value: unknown) => Buffer,
      requestDeserialize as (bytes: Buffer) => unknown,
      'unary',
    );
  const injector = grpc.createConnectionInjector(ServerCredentials.createInsecure());
  const sockets = new Set<TLSSocket>();
  const server = createServer({
    cert: certificate.certificatePem,
    key: certificate.keyPem,
    minVersion: 'TLSv1.2',
    ALPNProtocols: ['h2'],
    handshakeTimeout: 10_000,
  });
  server.on('tlsClientError', () => undefined);
  server.on('secureConnection', (socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined);
    socket.once('close', () => sockets.delete(socket));
    injector.injectConnection(socket);
  });
  await listen(server, path);
  return {
    close: () => {
      // The file goes with the listener at once: the real server comes next, at the same path.
      server.close();
      grpc.tryShutdown(() => {
        for (const socket of sockets) socket.destroy();
      });
    },
  };
}

const unary =
  <Q>(answer: (request: Q) => Promise<void> | void): handleUnaryCall<Q, object> =>
  (call, respond) => {
    Promise.resolve()
      .then(() => answer(call.request))
      .then(
        () => respond(null, {}),
        (error: unknown) =>
          respond({
            code: isSwarmError(error) ? statusOfKind(error.kind) : 2,
            details: messageOf(error),
          }),
      );
  };

function listen(server: TlsServer, path: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', (cause) => reject(unusable(path, cause)));
    server.once('listening', resolve);
    server.listen(path);
    // In the same tick as the bind: nobody has been accepted yet.
    if (server.listening) chmodSync(path, 0o600);
  });
}

/** Removes the socket file of a dead process; the one of a living process is left and refused. */
async function clear(path: string): Promise<void> {
  const found = await lstat(path).catch(() => undefined);
  if (found === undefined) return;
  const isDead =
    found.isSocket() &&
    (await new Promise<boolean>((resolve) => {
      const probe = connect(path, () => {
        probe.destroy();
        resolve(false);
      });
      probe.once('error', (error: NodeJS.ErrnoException) => resolve(error.code === 'ECONNREFUSED'));
    }));
  if (!isDead) throw unusable(path, new Error('something else is there'));
  await unlink(path);
}

const refusal = (text: string): SwarmError =>
  new SwarmError('failed-precondition', 'CA_LOCKED', text);

const unusable = (path: string, cause: unknown): SwarmError =>
  new SwarmError(
    'failed-precondition',
    'CA_LOCKED',
    `this node is locked, and its control socket ${path} cannot be opened to unlock it: ${messageOf(cause)}`,
    { cause },
  );
