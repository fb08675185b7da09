import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, lstatSync, mkdirSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { connect as connectTls } from 'node:tls';
import { connectControlSocket } from '@swarmkit/sdk/client/connection';
import { HealthService } from '@swarmkit/sdk/wire/gen/swarmkit/health';
import type { Peer } from '@swarmkit/sdk/contracts/rpc';
import { DEFAULT_LIMITS } from '../core/crowd.js';
import { Doorkeeper } from '../shell/doorkeeper.js';
import { listenOnPort } from '../shell/listener.js';
import { Server } from '../shell/server.js';
import { logInto, realClock, sharedPki, startServer, tempDir, until } from './harness.js';
import { ProbeService } from './probe-service.js';

async function listen(t: TestContext, controlSocket: string, remoteAddress?: string) {
  const { identity } = await sharedPki();
  const server = new Server({ clock: realClock, log: logInto([]), fault: () => undefined });
  t.after(() => server.stop());
  await server.listen({ controlSocket, remoteAddress, identity, authorizers: [] });
  return server;
}

test('the socket is for its owner alone, and is gone after stop', async (t) => {
  const { server, socket } = await startServer(t);
  assert.equal(lstatSync(socket).mode & 0o777, 0o600);
  assert.deepEqual(server.endpoints(), [{ exposure: 'control', address: `unix:${socket}` }]);
  await server.stop();
  assert.equal(existsSync(socket), false);
  assert.deepEqual(server.endpoints(), []);
});

test('a socket that a live process listens on is refused, and goes on working', async (t) => {
  const { socket, connection } = await startServer(t);
  await assert.rejects(listen(t, socket), {
    kind: 'failed-precondition',
    code: 'RPC_SOCKET_IN_USE',
    message: `another daemon listens on ${socket}: stop it or name another control socket`,
  });
  assert.equal((await connection.unary(HealthService.check, { service: '' })).status, 1);
});

test('the socket of a process that died is taken over', async (t) => {
  const socket = join(tempDir(t), 'control.sock');
  const script = `require('net').createServer().listen(${JSON.stringify(socket)}, () => process.stdout.write('up'))`;
  const child = spawn(process.execPath, ['-e', script]);
  t.after(() => child.kill('SIGKILL'));
  await once(child.stdout, 'data');
  child.kill('SIGKILL');
  await once(child, 'exit');
  assert.ok(lstatSync(socket).isSocket());

  await listen(t, socket);
  const connection = connectControlSocket(socket);
  t.after(() => connection.close());
  assert.equal((await connection.unary(HealthService.check, { service: '' })).status, 1);
});

test('what is not a socket is never removed', async (t) => {
  const dir = tempDir(t);
  const file = join(dir, 'notes.txt');
  writeFileSync(file, 'precious');
  mkdirSync(join(dir, 'folder'));
  for (const path of [file, join(dir, 'folder')]) {
    await assert.rejects(listen(t, path), { code: 'RPC_BAD_ADDRESS', message: /is not a socket/ });
    assert.ok(existsSync(path));
  }
});

test('a socket path that cannot work is said so', async (t) => {
  const dir = tempDir(t);
  for (const path of ['control.sock', join(dir, 'x'.repeat(120)), join(dir, 'missing', 's')]) {
    await assert.rejects(listen(t, path), { kind: 'invalid-argument', code: 'RPC_BAD_ADDRESS' });
  }
});

test('an address in use, a bad one and a foreign one are told apart', async (t) => {
  const dir = tempDir(t);
  const other = createServer().listen(0, '127.0.0.1');
  t.after(() => other.close());
  await once(other, 'listening');
  const taken = `127.0.0.1:${(other.address() as { port: number }).port}`;
  await assert.rejects(listen(t, join(dir, 'a'), taken), {
    kind: 'failed-precondition',
    code: 'RPC_ADDRESS_IN_USE',
    message: `another process listens on ${taken}: stop it or give this node another address`,
  });
  // The control socket opened before the port was refused must not stay behind.
  for (const address of ['127.0.0.1', '127.0.0.1:99999', 'a b:1', '203.0.113.1:0'])
    await assert.rejects(listen(t, join(dir, address.replaceAll(/\W/g, '')), address), {
      kind: 'invalid-argument',
      code: 'RPC_BAD_ADDRESS',
    });
});

test('a peer is forgotten when its connection closes', async (t) => {
  const { identity } = await sharedPki();
  const peers = new Map<string, Peer>();
  const listener = await listenOnPort('127.0.0.1:0', peers, {
    identity,
    log: logInto([]),
    door: new Doorkeeper(DEFAULT_LIMITS, realClock, logInto([])),
    now: Date.now,
    accept: () => undefined,
  });
  t.after(() => listener.close());
  const port = Number(listener.endpoint.address.split(':')[1]);
  const socket = connectTls({ port, rejectUnauthorized: false, ALPNProtocols: ['h2'] });
  await until(() => peers.size === 1, 'the peer is known');
  assert.deepEqual([...peers.keys()], [[...peers.values()][0]?.address]);
  socket.destroy();
  await until(() => peers.size === 0, 'the peer is forgotten');
});

test('a start that fails half-way is taken down by stop', async (t) => {
  const dir = tempDir(t);
  const { identity } = await sharedPki();
  const server = new Server({ clock: realClock, log: logInto([]), fault: () => undefined });
  const controlSocket = join(dir, 's');
  await assert.rejects(
    server.listen({ controlSocket, remoteAddress: 'nonsense', identity, authorizers: [] }),
  );
  await server.stop();
  assert.equal(existsSync(controlSocket), false);
});

test('stop ends calls in words, and what does not end it cuts off', async (t) => {
  const { server, connection } = await startServer(t);
  server.mount({
    definition: ProbeService,
    expose: ['control'],
    handlers: {
      // Deaf to its signal, and stuck behind a peer that does not read.
      down: {
        serverStream: async (_request, _call, send) => {
          for (;;) await send('x'.repeat(10_000));
        },
      },
      unary: { unary: () => new Promise(() => undefined) },
    },
  });
  const stream = connection.serverStream(ProbeService.down, '-')[Symbol.asyncIterator]();
  await stream.next();
  const call = connection.unary(ProbeService.unary, '-');
  const refused = assert.rejects(call, { kind: 'unavailable' });
  await connection.unary(HealthService.check, { service: '' });
  const began = performance.now();
  await server.stop();
  assert.ok(performance.now() - began < 4_000);
  await refused;
  await assert.rejects(connection.unary(HealthService.check, { service: '' }), {
    code: 'RPC_UNREACHABLE',
  });
  await assert.rejects(async () => {
    while ((await stream.next()).done !== true);
  });
});

test('a client finds its way back when the daemon has restarted', async (t) => {
  const { server, socket, connection } = await startServer(t);
  await connection.unary(HealthService.check, { service: '' });
  await server.stop();
  await assert.rejects(connection.unary(HealthService.check, { service: '' }), {
    kind: 'unavailable',
    code: 'RPC_UNREACHABLE',
    message: new RegExp(`^unix:${socket} cannot be reached: connect ENOENT`),
  });
  await listen(t, socket);
  let answered = false;
  const ask = (): void => {
    connection.unary(HealthService.check, { service: '' }).then(
      () => {
        answered = true;
      },
      () => undefined,
    );
  };
  await until(() => {
    ask();
    return answered;
  }, 'the connection is back');
});
