import assert from 'node:assert/strict';
import { EventEmitter, once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';
import { test } from 'node:test';
import { Client as GrpcClient } from '@grpc/grpc-js';
import { connectControlSocket, controlSocketCredentials } from '@swarmkit/sdk/client/connection';
import type { Call, Handler } from '@swarmkit/sdk/contracts/rpc';
import { InvariantError, type Kind, SwarmError } from '@swarmkit/sdk/plugin/errors';
import { HealthService } from '@swarmkit/sdk/wire/gen/swarmkit/health';
import { clientOf, collect, type Running, startServer, until } from './harness.js';
import { ProbeService } from './probe-service.js';

const mount = (server: Running['server'], handlers: Record<string, Handler>) =>
  server.mount({ definition: ProbeService, expose: ['control'], handlers });

test('a unary call reaches its handler with path, peer and metadata', async (t) => {
  const { server, connection, identity } = await startServer(t);
  let seen: Call | undefined;
  mount(server, {
    unary: {
      unary: (request, call) => {
        seen = call;
        return `got ${request}`;
      },
    },
  });
  const answer = await connection.unary(ProbeService.unary, 'x', {
    metadata: { 'x-trace': '7' },
  });
  assert.equal(answer, 'got x');
  assert.equal(seen?.path, '/test.probe.v1.Probe/Unary');
  assert.equal(seen?.exposure, 'control');
  assert.deepEqual(seen?.peer, {
    nodeId: identity.nodeId,
    clusterId: identity.clusterId,
    role: 'manager',
    address: '',
  });
  assert.equal(seen?.metadata.get('x-trace'), '7');
});

test('every kind of SwarmError arrives as that kind with exactly that text', async (t) => {
  const { server, connection, logged } = await startServer(t);
  const kinds: Kind[] = [
    'cancelled',
    'unknown',
    'invalid-argument',
    'deadline-exceeded',
    'not-found',
    'already-exists',
    'permission-denied',
    'resource-exhausted',
    'failed-precondition',
    'aborted',
    'out-of-range',
    'unimplemented',
    'internal',
    'unavailable',
    'data-loss',
    'unauthenticated',
  ];
  mount(server, {
    unary: {
      unary: (request: string) => {
        throw new SwarmError(request as Kind, 'ANY', `refused: ${request} – 100 %\nnext line 🐳`);
      },
    },
  });
  for (const kind of kinds) {
    await assert.rejects(connection.unary(ProbeService.unary, kind), {
      name: 'SwarmError',
      kind,
      message: `refused: ${kind} – 100 %\nnext line 🐳`,
    });
  }
  assert.deepEqual(
    logged.filter(({ level }) => level === 'error'),
    [],
  );
});

test('anything else is UNKNOWN with its text, and a log line names the path', async (t) => {
  const { server, connection, logged } = await startServer(t);
  const thrown: unknown[] = [new TypeError('x is not a function'), 'a text', undefined, '\ud800!'];
  mount(server, {
    unary: { unary: () => Promise.reject(thrown[0]) },
    down: {
      serverStream: () => {
        throw thrown[0];
      },
    },
  });
  for (const text of ['x is not a function', 'a text', 'undefined', '\ufffd!']) {
    await assert.rejects(connection.unary(ProbeService.unary, '-'), {
      kind: 'unknown',
      message: text,
    });
    await assert.rejects(collect(connection.serverStream(ProbeService.down, '-')), {
      kind: 'unknown',
      message: text,
    });
    thrown.shift();
  }
  const errors = logged.filter(({ level }) => level === 'error');
  assert.equal(errors.length, 8);
  assert.equal(errors[0]?.fields.path, '/test.probe.v1.Probe/Unary');
});

test('an error with a very long text ends its call and nothing else of the connection', async (t) => {
  const running = await startServer(t, { remote: true });
  const port = clientOf(running.identity).connect(running.remote);
  t.after(() => port.close());
  running.server.mount({
    definition: ProbeService,
    expose: ['control', 'remote'],
    handlers: {
      unary: {
        unary: (request) => {
          throw new SwarmError('invalid-argument', 'TEST', request.repeat(50_000));
        },
      },
      both: {
        bidi: async (requests, _call, send) => {
          for await (const request of requests) await send(request);
        },
      },
    },
  });
  for (const connection of [running.connection, port]) {
    const said = new EventEmitter();
    async function* words() {
      yield 'before';
      await once(said, 'go');
      yield 'after';
    }
    const echo = connection.bidi(ProbeService.both, words())[Symbol.asyncIterator]();
    assert.equal((await echo.next()).value, 'before');
    for (const letter of ['x', 'ü', '漢'])
      await assert.rejects(connection.unary(ProbeService.unary, letter, { timeoutMs: 5_000 }), {
        kind: 'invalid-argument',
        message: `${letter.repeat(4_096)}...`,
      });
    said.emit('go');
    assert.equal((await echo.next()).value, 'after');
    await echo.return?.();
  }
});

test('a broken invariant is reported as a fault besides being answered', async (t) => {
  const { server, connection, faults } = await startServer(t);
  mount(server, { unary: { unary: () => Promise.reject(new InvariantError('TEST_BROKEN')) } });
  await assert.rejects(connection.unary(ProbeService.unary, '-'), { kind: 'unknown' });
  assert.equal(faults[0]?.where, '/test.probe.v1.Probe/Unary');
});

test('an answer that does not fit its type is an error of that call alone', async (t) => {
  const { server, connection, logged } = await startServer(t);
  mount(server, {
    unary: { unary: () => 5 },
    down: { serverStream: async (_request, _call, send) => send(undefined as never) },
  });
  await assert.rejects(connection.unary(ProbeService.unary, '-'), { kind: 'internal' });
  await assert.rejects(collect(connection.serverStream(ProbeService.down, '-')));
  assert.equal(logged.filter(({ level }) => level === 'error').length, 2);
});

test('messages stream down in order and the stream ends', async (t) => {
  const { server, connection } = await startServer(t);
  mount(server, {
    down: {
      serverStream: async (request, _call, send) => {
        for (let i = 0; i < 1000; i++) await send(`${request}${i}`);
      },
    },
  });
  const got = await collect(connection.serverStream(ProbeService.down, 'n'));
  assert.equal(got.length, 1000);
  assert.equal(got[999], 'n999');
});

test('a stream that fails delivers what it sent before, then its error', async (t) => {
  const { server, connection } = await startServer(t);
  mount(server, {
    down: {
      serverStream: async (_request, _call, send) => {
        for (let i = 0; i < 40; i++) await send(`${i}`);
        throw new SwarmError('aborted', 'ANY', 'enough');
      },
    },
  });
  const got: string[] = [];
  await assert.rejects(
    async () => {
      for await (const item of connection.serverStream(ProbeService.down, '-')) got.push(item);
    },
    { kind: 'aborted', message: 'enough' },
  );
  assert.equal(got.length, 40);
});

test('send waits while the peer does not read, and is refused when the peer goes', async (t) => {
  const { server, connection } = await startServer(t);
  let sent = 0;
  let refused: unknown;
  const kilobyte = 'x'.repeat(1024);
  mount(server, {
    down: {
      serverStream: async (_request, _call, send) => {
        try {
          for (;;) {
            await send(kilobyte);
            sent++;
          }
        } catch (error) {
          refused = error;
          throw error;
        }
      },
    },
  });
  for await (const _first of connection.serverStream(ProbeService.down, '-')) {
    let before = -1;
    await until(() => {
      const still = sent === before;
      before = sent;
      return still && sent > 1;
    }, 'the sender pauses');
    break;
  }
  assert.ok(sent < 1000, `${sent} messages were taken from the sender`);
  await until(() => refused !== undefined, 'the sender is told');
  assert.equal((refused as SwarmError).kind, 'cancelled');
});

test('a handler that does not wait for send harms nobody but itself', async (t) => {
  const { server, connection } = await startServer(t);
  let refused: unknown;
  mount(server, {
    down: {
      serverStream: async (_request, call, send) => {
        for (let i = 0; i < 100; i++) void send('x'.repeat(10_000));
        await once(call.signal, 'abort');
        void send('too late');
        refused = await send('too late').catch((error: unknown) => error);
      },
    },
  });
  for await (const _first of connection.serverStream(ProbeService.down, '-')) break;
  await until(() => refused !== undefined, 'the end of the call');
  assert.equal((refused as SwarmError).kind, 'cancelled');
});

test('requests stream up, and the answer may come before they end', async (t) => {
  const { server, connection } = await startServer(t);
  mount(server, {
    up: {
      clientStream: async (requests) => {
        let count = 0;
        for await (const request of requests) {
          count++;
          if (request === 'stop') return `stopped at ${count}`;
        }
        return `${count}`;
      },
    },
  });
  async function* items(count: number) {
    for (let i = 0; i < count; i++) yield `${i}`;
  }
  assert.equal(await connection.clientStream(ProbeService.up, items(500)), '500');
  let returned = false;
  async function* endless() {
    try {
      for (let i = 0; ; i++) {
        yield i === 3 ? 'stop' : 'go';
        await new Promise(setImmediate);
      }
    } finally {
      returned = true;
    }
  }
  assert.equal(await connection.clientStream(ProbeService.up, endless()), 'stopped at 4');
  await until(() => returned, 'the source is told to stop');
});

test('a source that fails ends the call on both sides', async (t) => {
  const { server, connection } = await startServer(t);
  let ended: unknown;
  const progress = new EventEmitter();
  mount(server, {
    up: {
      clientStream: async (requests) => {
        try {
          for await (const _request of requests) progress.emit('begun');
          return '';
        } catch (error) {
          ended = error;
          throw error;
        }
      },
    },
  });
  async function* source() {
    yield 'one';
    await once(progress, 'begun');
    throw new Error('the disk is gone');
  }
  await assert.rejects(connection.clientStream(ProbeService.up, source()), /the disk is gone/);
  await until(() => ended !== undefined, 'the handler is told');
  assert.equal((ended as SwarmError).kind, 'cancelled');
});

test('a connection that breaks does not look like the end of the requests', async (t) => {
  const { server, socket } = await startServer(t);
  let ended: unknown;
  const progress = new EventEmitter();
  mount(server, {
    up: {
      clientStream: async (requests) => {
        try {
          for await (const _request of requests) progress.emit('begun');
          ended = 'complete';
          return '-';
        } catch (error) {
          ended = error;
          throw error;
        }
      },
    },
  });
  // Through a relay, so that the break is the network's and not the client's.
  const path = `${socket}.relay`;
  const ends: Socket[] = [];
  const relay = createServer((near) => {
    const far = connect(socket);
    ends.push(near, far);
    for (const end of [near, far]) end.on('error', () => undefined);
    near.pipe(far).pipe(near);
  }).listen(path);
  t.after(() => relay.close());
  const connection = connectControlSocket(path);
  t.after(() => connection.close());
  async function* source() {
    yield 'one';
    await new Promise(() => undefined);
  }
  const call = connection.clientStream(ProbeService.up, source());
  await Promise.all([
    once(progress, 'begun').then(() => {
      for (const end of ends) end.destroy();
    }),
    assert.rejects(call, { kind: 'unavailable' }),
  ]);
  await until(() => ended !== undefined, 'the handler is told');
  assert.equal((ended as SwarmError).kind, 'cancelled');
});

test('both directions at once, and a handler may stop reading and still answer', async (t) => {
  const { server, socket } = await startServer(t);
  mount(server, {
    both: {
      bidi: async (requests, _call, send) => {
        for await (const request of requests) {
          if (request === 'bye') break;
          await send(`echo ${request}`);
        }
        await send('done');
      },
    },
  });
  const client = new GrpcClient(`unix:${socket}`, controlSocketCredentials());
  t.after(() => client.close());
  const { path, requestSerialize, responseDeserialize } = ProbeService.both;
  const stream = client.makeBidiStreamRequest(path, requestSerialize, responseDeserialize);
  const got: string[] = [];
  stream.on('data', (item: string) => got.push(item));
  for (const item of ['a', 'b', 'bye', 'c']) stream.write(item);
  const [status] = await once(stream, 'status');
  assert.equal(status.code, 0);
  assert.deepEqual(got, ['echo a', 'echo b', 'done']);
});

test('the signal aborts when the caller goes and when the deadline passes', async (t) => {
  const { server, connection } = await startServer(t);
  const ends: string[] = [];
  mount(server, {
    unary: {
      unary: async (request: string, call) => {
        await once(call.signal, 'abort');
        ends.push(request);
        return '';
      },
    },
  });
  const stop = new AbortController();
  const cancelled = connection.unary(ProbeService.unary, 'caller', { signal: stop.signal });
  await connection.unary(HealthService.check, { service: '' });
  stop.abort();
  await assert.rejects(cancelled, { kind: 'cancelled', code: 'RPC_CANCELLED' });
  await until(() => ends.includes('caller'), 'the abort of the caller');
  await assert.rejects(connection.unary(ProbeService.unary, 'deadline', { timeoutMs: 30 }), {
    kind: 'deadline-exceeded',
    code: 'RPC_DEADLINE',
  });
  await until(() => ends.includes('deadline'), 'the abort of the deadline');
});

test('unmount ends calls in progress in words and leaves a text for later ones', async (t) => {
  const { server, connection } = await startServer(t);
  const unmount = mount(server, {
    unary: { unary: (_request, call) => once(call.signal, 'abort') },
    down: {
      serverStream: async (_request, call, send) => {
        await send('first');
        await once(call.signal, 'abort');
      },
    },
    up: {
      clientStream: async (requests) => {
        for await (const _request of requests) {
          // Waits for an end that does not come.
        }
        return '';
      },
    },
  });
  async function* never() {
    yield 'one';
    await new Promise(() => undefined);
  }
  const down = connection.serverStream(ProbeService.down, '-')[Symbol.asyncIterator]();
  await down.next();
  const calls = [
    connection.unary(ProbeService.unary, '-'),
    connection.clientStream(ProbeService.up, never()),
    down.next(),
  ];
  await connection.unary(HealthService.check, { service: '' });
  unmount(new SwarmError('unavailable', 'ANY', 'the leader moved'));
  for (const result of await Promise.allSettled(calls)) {
    assert.equal(result.status, 'rejected');
    assert.equal(result.reason.kind, 'unavailable');
    assert.equal(result.reason.message, 'the leader moved');
  }
  await assert.rejects(connection.unary(ProbeService.unary, '-'), { message: 'the leader moved' });
  unmount();

  mount(server, { unary: { unary: () => 'again' } })();
  await assert.rejects(connection.unary(ProbeService.unary, '-'), { kind: 'unimplemented' });
  mount(server, { unary: { unary: () => 'again' } });
  assert.equal(await connection.unary(ProbeService.unary, '-'), 'again');
});

test('mounting twice and handlers of the wrong kind are refused', async (t) => {
  const { server } = await startServer(t);
  mount(server, {});
  assert.throws(() => mount(server, {}), { code: 'RPC_MOUNTED_TWICE' });
  assert.throws(
    () =>
      server.mount({
        definition: ProbeService,
        expose: ['remote'],
        handlers: { down: { unary: () => '' } },
      }),
    { code: 'RPC_HANDLER_KIND' },
  );
});

test('a service is known before it is mounted, and a missing method is named', async (t) => {
  const { server, connection } = await startServer(t);
  await assert.rejects(connection.unary(ProbeService.unary, '-'), { kind: 'unimplemented' });
  mount(server, {});
  await assert.rejects(connection.unary(ProbeService.unary, '-'), {
    kind: 'unimplemented',
    message: 'the method unary of test.probe.v1.Probe is not implemented yet',
  });
});

test('authorizers stand before every call; the first refusal is the answer', async (t) => {
  const asked: string[] = [];
  const { server, connection } = await startServer(t, {
    authorizers: [
      { id: 'a', authorize: (call) => void asked.push(call.path) },
      {
        id: 'b',
        authorize: (call) => {
          if (call.path.endsWith('/Unary'))
            throw new SwarmError('permission-denied', 'ANY', 'not you');
        },
      },
      {
        id: 'c',
        authorize: () => {
          throw new SwarmError('unauthenticated', 'ANY', 'nobody');
        },
      },
    ],
  });
  mount(server, { unary: { unary: () => assert.fail('must not be reached') } });
  await assert.rejects(connection.unary(ProbeService.unary, '-'), {
    kind: 'permission-denied',
    message: 'not you',
  });
  await assert.rejects(collect(connection.serverStream(ProbeService.down, '-')), {
    kind: 'unauthenticated',
  });
  assert.deepEqual(asked, ['/test.probe.v1.Probe/Unary', '/test.probe.v1.Probe/Down']);
});

test('a message over 4 MiB is refused; one just below it passes', async (t) => {
  const { server, connection } = await startServer(t);
  mount(server, { unary: { unary: (request: string) => `${request.length}` } });
  const limit = 4 * 1024 * 1024;
  assert.equal(await connection.unary(ProbeService.unary, 'x'.repeat(limit)), `${limit}`);
  await assert.rejects(connection.unary(ProbeService.unary, 'x'.repeat(limit + 1)), {
    kind: 'resource-exhausted',
  });
});

test('health: the empty name serves, ControlAPI serves when mounted, others are unknown', async (t) => {
  const { connection } = await startServer(t);
  assert.equal((await connection.unary(HealthService.check, { service: '' })).status, 1);
  assert.equal((await connection.unary(HealthService.check, { service: 'ControlAPI' })).status, 2);
  await assert.rejects(connection.unary(HealthService.check, { service: 'Raft' }), {
    kind: 'not-found',
    message: 'unknown service',
  });
});
