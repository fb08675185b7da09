import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect as connectHttp2 } from 'node:http2';
import { test } from 'node:test';
import { type ConnectionOptions, connect, type TLSSocket } from 'node:tls';
import type { Identity } from '@swarmkit/sdk/contracts/identity';
import type { Call, RpcConnection } from '@swarmkit/sdk/contracts/rpc';
import { CAService, NodeCAService } from '@swarmkit/sdk/wire/gen/swarmkit/ca';
import { ControlService } from '@swarmkit/sdk/wire/gen/swarmkit/control';
import { HealthService } from '@swarmkit/sdk/wire/gen/swarmkit/health';
import { BehaviorSubject } from 'rxjs';
import { Client } from '../shell/client.js';
import { clientOf, type Running, startServer, until } from './harness.js';
import { makeIdentity, makeRoot } from './pki.js';
import { ProbeService } from './probe-service.js';

const ask = (connection: RpcConnection) =>
  connection.unary(HealthService.check, { service: '' }, { timeoutMs: 5_000 });

/** A handshake of our own making, for what the client would never do. */
async function handshake(running: Running, options: ConnectionOptions): Promise<TLSSocket> {
  const [host, port] = running.remote.split(':');
  const socket = connect({
    host,
    port: Number(port),
    ca: running.root.pem,
    servername: 'swarm-manager',
    ALPNProtocols: ['h2'],
    ...options,
  });
  await once(socket, 'secureConnect');
  return socket;
}

test('a node with a certificate is known by it', async (t) => {
  const running = await startServer(t, { remote: true });
  let seen: Call | undefined;
  running.server.mount({
    definition: ProbeService,
    expose: ['remote'],
    handlers: {
      unary: {
        unary: (_request, call) => {
          seen = call;
          return 'x';
        },
      },
    },
  });
  const identity = await makeIdentity(running.root, { nodeId: 'node2', role: 'worker' });
  const connection = clientOf(identity).connect(running.remote);
  t.after(() => connection.close());
  await connection.unary(ProbeService.unary, '-');
  const { address, ...who } = seen?.peer ?? { address: '' };
  assert.deepEqual(who, { nodeId: 'node2', clusterId: 'cluster1', role: 'worker' });
  assert.match(address, /^127\.0\.0\.1:\d+$/);
  assert.equal(seen?.exposure, 'remote');
});

test('what is mounted for the socket alone is not served on the port', async (t) => {
  const running = await startServer(t, { remote: true });
  running.server.mount({
    definition: ControlService,
    expose: ['control'],
    handlers: { listNodes: { unary: () => ({ nodes: [] }) } },
  });
  const connection = clientOf(running.identity).connect(running.remote);
  t.after(() => connection.close());
  await assert.rejects(connection.unary(ControlService.listNodes, { filters: undefined }), {
    kind: 'unimplemented',
    message:
      'the service docker.swarmkit.v1.Control is not served on the remote endpoint of this node',
  });
});

test('without a certificate only the methods for newcomers are reached', async (t) => {
  const running = await startServer(t, { remote: true });
  running.server.mount({
    definition: NodeCAService,
    expose: ['remote'],
    handlers: {
      issueNodeCertificate: {
        unary: (_request, call) => {
          assert.deepEqual([call.peer.role, call.peer.nodeId], ['none', '']);
          return { nodeId: 'new', nodeMembership: 1 };
        },
      },
    },
  });
  const { openConnection } = await import('@swarmkit/sdk/client/connection');
  const { credentials } = await import('@grpc/grpc-js');
  const trust = credentials.createSsl(Buffer.from(running.root.pem));
  const connection = openConnection(running.remote, () => trust);
  t.after(() => connection.close());
  const issued = await connection.unary(NodeCAService.issueNodeCertificate, {
    role: 0,
    csr: Buffer.alloc(0),
    token: '',
    availability: 0,
    expiredCertificate: Buffer.alloc(0),
  });
  assert.equal(issued.nodeId, 'new');
  await assert.rejects(connection.unary(CAService.getUnlockKey, {}), {
    kind: 'permission-denied',
    message: /needs a node's certificate/,
  });
  await assert.rejects(ask(connection), { kind: 'permission-denied' });
});

test('a certificate that does not verify ends the connection', async (t) => {
  const running = await startServer(t, { remote: true });
  const stranger = await makeRoot();
  const bad: Identity[] = [
    { ...(await makeIdentity(stranger)), rootsPem: running.root.pem },
    await makeIdentity(running.root, { expired: true }),
  ];
  for (const identity of bad) {
    const connection = clientOf(identity).connect(running.remote);
    await assert.rejects(ask(connection), { kind: 'unavailable' });
    connection.close();
  }
  const { certificatePem: cert, keyPem: key } = bad[0] as Identity;
  const socket = await handshake(running, { cert, key });
  await once(socket.on('error', () => undefined).resume(), 'close');
});

test('old TLS and other protocols are refused', async (t) => {
  const running = await startServer(t, { remote: true });
  await assert.rejects(handshake(running, { minVersion: 'TLSv1', maxVersion: 'TLSv1.1' }));
  await assert.rejects(
    handshake(running, { maxVersion: 'TLSv1.2', ciphers: 'ECDHE-ECDSA-AES128-SHA256' }),
  );
  const socket = await handshake(running, { ALPNProtocols: [] });
  await once(socket.on('error', () => undefined).resume(), 'close');
  const modern = await handshake(running, {});
  assert.equal(modern.getProtocol(), 'TLSv1.3');
  modern.destroy();
  const old = await handshake(running, { maxVersion: 'TLSv1.2' });
  assert.equal(old.alpnProtocol, 'h2');
  old.destroy();
});

test("a node that names no protocol is served, as Docker's are after a renewal", async (t) => {
  const running = await startServer(t, { remote: true });
  const { certificatePem: cert, keyPem: key } = running.identity;
  const socket = await handshake(running, { ALPNProtocols: [], cert, key });
  assert.equal(socket.alpnProtocol, false);
  const session = connectHttp2('https://swarm-manager', { createConnection: () => socket });
  t.after(() => session.destroy());
  const stream = session.request({
    ':method': 'POST',
    ':path': HealthService.check.path,
    'content-type': 'application/grpc',
    te: 'trailers',
  });
  stream.end(Buffer.alloc(5));
  const [headers] = await once(stream, 'response');
  assert.equal(headers[':status'], 200);
});

test('the client trusts only a swarm-manager of its own root', async (t) => {
  const running = await startServer(t, { remote: true });
  const other = await makeIdentity(await makeRoot());
  const connection = clientOf(other).connect(running.remote);
  await assert.rejects(ask(connection), { kind: 'unavailable', code: 'RPC_UNREACHABLE' });
  connection.close();

  const worker = await makeIdentity(running.root, { role: 'worker' });
  running.server.use(worker);
  const wary = clientOf(running.identity).connect(running.remote);
  await assert.rejects(ask(wary), { kind: 'unavailable', message: /swarm-manager/ });
  wary.close();
});

test('a new certificate and new roots take effect under open streams', async (t) => {
  const running = await startServer(t, { remote: true });
  let send: ((text: string) => Promise<void>) | undefined;
  running.server.mount({
    definition: ProbeService,
    expose: ['remote'],
    handlers: {
      down: {
        serverStream: async (_request, call, sending) => {
          send = sending;
          await once(call.signal, 'abort');
        },
      },
    },
  });
  const client = await makeIdentity(running.root, { nodeId: 'node2' });
  const before = clientOf(client).connect(running.remote);
  t.after(() => before.close());
  const stream = before.serverStream(ProbeService.down, '-')[Symbol.asyncIterator]();
  const first = stream.next();
  await until(() => send !== undefined, 'the stream is open');

  const newRoot = await makeRoot();
  running.server.use(await makeIdentity(newRoot));
  await send?.('still here');
  assert.deepEqual(await first, { value: 'still here', done: false });
  await ask(before);

  const late = clientOf(client).connect(running.remote);
  await assert.rejects(ask(late), { kind: 'unavailable' });
  late.close();
  const renewed = clientOf(await makeIdentity(newRoot, { nodeId: 'node2' })).connect(
    running.remote,
  );
  t.after(() => renewed.close());
  assert.equal((await ask(renewed)).status, 1);
  await send?.('and still');
  assert.equal((await stream.next()).value, 'and still');
});

test('the client goes on under its new certificate; calls in progress end under the old', async (t) => {
  const running = await startServer(t, { remote: true });
  const callers: string[] = [];
  running.server.mount({
    definition: ProbeService,
    expose: ['remote'],
    handlers: {
      unary: {
        unary: (_request, call) => {
          callers.push(call.peer.nodeId);
          return 'x';
        },
      },
      down: {
        serverStream: async (_request, call, send) => {
          for (let i = 0; !call.signal.aborted && i < 1_000_000; i++) {
            await send(`${call.peer.nodeId}${i}`);
            await new Promise(setImmediate);
          }
        },
      },
    },
  });
  const identity$ = new BehaviorSubject(await makeIdentity(running.root, { nodeId: 'before' }));
  const connection = new Client({ current: () => identity$.value, identity$ }, Date.now).connect(
    running.remote,
  );
  const stream = connection.serverStream(ProbeService.down, '-')[Symbol.asyncIterator]();
  assert.equal((await stream.next()).value, 'before0');
  await connection.unary(ProbeService.unary, '-');
  identity$.next(await makeIdentity(running.root, { nodeId: 'after' }));
  await connection.unary(ProbeService.unary, '-');
  assert.deepEqual(callers, ['before', 'after']);
  for (let i = 1; i < 200; i++) assert.equal((await stream.next()).value, `before${i}`);
  connection.close();
  await assert.rejects(
    async () => {
      while ((await stream.next()).done !== true);
    },
    { kind: 'cancelled' },
  );
  await assert.rejects(connection.unary(ProbeService.unary, '-'), { code: 'RPC_CANCELLED' });
});

test('bad addresses are refused at once', async (t) => {
  const { identity } = await startServer(t);
  for (const address of ['', 'host', 'host:port', 'http://host:1/'])
    assert.throws(() => clientOf(identity).connect(address), { code: 'RPC_BAD_ADDRESS' });
});
