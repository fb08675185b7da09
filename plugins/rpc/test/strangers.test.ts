// What strangers do to an open port: each is refused, counted and logged once; nobody else notices.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { connect as connectPlain, type Socket } from 'node:net';
import { type TestContext, test } from 'node:test';
import { type ConnectionOptions, connect } from 'node:tls';
import type { Call } from '@swarmkit/sdk/contracts/rpc';
import { HealthService } from '@swarmkit/sdk/wire/gen/swarmkit/health';
import fc from 'fast-check';
import { Crowd, DEFAULT_LIMITS, groupOf } from '../core/crowd.js';
import { clientOf, type Running, startServer, until } from './harness.js';
import { makeIdentity, makeRoot } from './pki.js';
import { ProbeService } from './probe-service.js';

const portOf = (running: Running): number => Number(running.remote.split(':')[1]);

function plain(t: TestContext, running: Running): Socket {
  const socket = connectPlain(portOf(running), '127.0.0.1');
  socket.on('error', () => undefined);
  t.after(() => socket.destroy());
  return socket;
}

const secure = (t: TestContext, running: Running, options: ConnectionOptions = {}) => {
  const socket = connect({
    port: portOf(running),
    host: '127.0.0.1',
    rejectUnauthorized: false,
    ALPNProtocols: ['h2'],
    ...options,
  });
  socket.on('error', () => undefined);
  t.after(() => socket.destroy());
  return socket;
};

const closed = (socket: Socket): Promise<void> =>
  new Promise((resolve) => {
    if (socket.destroyed) resolve();
    else socket.resume().once('close', () => resolve());
  });

/** `down` lasts until its caller goes; how many there are, and were at once. */
function mountHolding({ server }: Running): { readonly open: number; readonly most: number } {
  const calls = { open: 0, most: 0 };
  const serverStream = async (_request: unknown, call: Call): Promise<void> => {
    calls.most = Math.max(calls.most, ++calls.open);
    if (!call.signal.aborted) await once(call.signal, 'abort');
    calls.open--;
  };
  server.mount({
    definition: ProbeService,
    expose: ['remote'],
    handlers: { down: { serverStream } },
  });
  return calls;
}

const refusals = (running: Running, reason: string) =>
  running.logged.filter(({ level, fields }) => level === 'warn' && fields.reason === reason);

test('every kind of stranger is counted, and logged once', async (t) => {
  const running = await startServer(t, { remote: true, limits: { handshakeMs: 300 } });
  const node = clientOf(running.identity).connect(running.remote);
  t.after(() => node.close());
  const foreign = await makeIdentity(await makeRoot());
  const strangers: Readonly<Record<string, () => Socket>> = {
    'plain-http': () => plain(t, running).end('GET / HTTP/1.1\r\nHost: x\r\n\r\n'),
    'not-tls': () => plain(t, running).end('\x16\x09\x09hello, is this the swarm?'),
    'old-tls': () =>
      secure(t, running, {
        minVersion: 'TLSv1',
        maxVersion: 'TLSv1.1',
        ciphers: 'DEFAULT@SECLEVEL=0',
      }),
    'slow-handshake': () => plain(t, running),
    'no-h2': () => secure(t, running, { ALPNProtocols: [] }),
    'bad-certificate': () =>
      secure(t, running, { cert: foreign.certificatePem, key: foreign.keyPem }),
  };
  for (const [reason, arrive] of Object.entries(strangers)) {
    for (let i = 0; i < 3; i++) await closed(arrive());
    await until(() => running.server.counters()[reason] === 3, `3 times ${reason}`);
    assert.equal(refusals(running, reason).length, 1, reason);
    await node.unary(HealthService.check, { service: '' }, { timeoutMs: 10_000 });
  }
});

test('silent connections push out their own kind and nobody else', async (t) => {
  const limits = { newcomersPerAddress: 50 };
  const running = await startServer(t, { remote: true, limits });
  const node = clientOf(running.identity).connect(running.remote);
  t.after(() => node.close());
  await node.unary(HealthService.check, { service: '' });
  const sockets = Array.from({ length: 300 }, () => plain(t, running));
  await until(
    () => running.server.counters()['newcomers-per-address'] === 250,
    '250 had to leave',
    15_000,
  );
  // One that was there before, and one that comes in the middle of it.
  await node.unary(HealthService.check, { service: '' }, { timeoutMs: 10_000 });
  const late = clientOf(running.identity).connect(running.remote);
  t.after(() => late.close());
  await late.unary(HealthService.check, { service: '' }, { timeoutMs: 10_000 });
  await until(() => sockets.filter((socket) => !socket.destroyed).length <= 50, 'they are gone');
  assert.equal(running.server.counters().known, 2);
  assert.equal(refusals(running, 'newcomers-per-address').length, 1);
});

test('who says nothing for too long is sent away, unless it is a node', async (t) => {
  const running = await startServer(t, { remote: true, limits: { silentMs: 1 } });
  const node = clientOf(running.identity).connect(running.remote);
  t.after(() => node.close());
  await node.unary(HealthService.check, { service: '' });
  await closed(secure(t, running));
  assert.equal(running.server.counters().silent, 1);
  assert.equal(running.server.counters().known, 1);
});

test('a thousand streams on one connection: only so many are open', async (t) => {
  const running = await startServer(t, { remote: true, limits: { callsPerConnection: 8 } });
  const calls = mountHolding(running);
  const worker = await makeIdentity(running.root, { nodeId: 'w', role: 'worker' });
  const connection = clientOf(worker).connect(running.remote);
  const streams = Array.from({ length: 100 }, () =>
    connection.serverStream(ProbeService.down, '-')[Symbol.asyncIterator]().next(),
  );
  const ended = Promise.allSettled(streams);
  await until(() => calls.open === 8, 'eight are open');
  const manager = clientOf(running.identity).connect(running.remote);
  t.after(() => manager.close());
  await manager.unary(HealthService.check, { service: '' }, { timeoutMs: 10_000 });
  assert.equal(calls.most, 8);
  connection.close();
  await ended;
  await until(() => calls.open === 0, 'none is left');
});

test("a manager's connection has many calls and not any number: one more is refused in words", async (t) => {
  const running = await startServer(t, { remote: true, limits: { callsPerManager: 8 } });
  const calls = mountHolding(running);
  const connection = clientOf(running.identity).connect(running.remote);
  t.after(() => connection.close());
  const over = new AbortController();
  const begin = () =>
    connection
      .serverStream(ProbeService.down, '-', { signal: over.signal })
      [Symbol.asyncIterator]()
      .next();
  const streams = Promise.allSettled(Array.from({ length: 8 }, begin));
  await until(() => calls.open === 8, 'eight are open');
  const refused = {
    kind: 'resource-exhausted',
    message:
      'this connection has 8 calls in progress, and no more are taken before some of them have ended',
  };
  await assert.rejects(begin(), refused);
  const check = (of: typeof connection) => of.unary(HealthService.check, { service: '' });
  await assert.rejects(check(connection), refused);
  assert.equal(running.server.counters()['too-many-calls'], 2);
  assert.equal(refusals(running, 'too-many-calls').length, 1);
  // Another connection, of the same manager, has its own.
  const other = clientOf(running.identity).connect(running.remote);
  t.after(() => other.close());
  assert.equal((await check(other)).status, 1);
  over.abort();
  await streams;
  await until(() => calls.open === 0, 'none is left');
  assert.equal((await check(connection)).status, 1);
});

test('the server says which authorities it knows: Go chooses its certificate by that', async (t) => {
  const running = await startServer(t, { remote: true });
  const shown = await new Promise<string>((resolve) => {
    const child = execFile(
      'openssl',
      ['s_client', '-connect', running.remote, '-alpn', 'h2'],
      { timeout: 10_000 },
      (_error, out) => resolve(out),
    );
    child.on('error', () => resolve(''));
    child.stdin?.end();
  });
  if (shown === '') {
    t.skip('openssl is not installed');
    return;
  }
  assert.match(shown, /Acceptable client certificate CA names\s+CN ?= ?swarm-ca/);
});

test('the groups of addresses', () => {
  assert.equal(groupOf('10.0.0.1'), '10.0.0.1');
  assert.equal(groupOf('::ffff:10.0.0.1'), '10.0.0.1');
  assert.equal(groupOf('2001:db8:1:2:3:4:5:6'), '2001:db8:1:2::/64');
  assert.equal(groupOf('2001:db8::1'), '2001:db8:0:0::/64');
  assert.equal(groupOf('fe80::1'), groupOf('fe80::2'));
  assert.equal(groupOf('::1'), '0:0:0:0::/64');
});

test('the crowd never exceeds its bounds, and forgets who left', () => {
  const limits = {
    ...DEFAULT_LIMITS,
    newcomersPerAddress: 3,
    newcomers: 6,
    connectionsPerNode: 2,
    callsPerManager: 2,
  };
  const step = fc.record({
    do: fc.constantFrom('enter', 'known', 'leave', 'began', 'ended'),
    key: fc.integer({ min: 0, max: 20 }),
  });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
      const crowd = new Crowd(limits);
      const here = new Set<string>();
      /** Calls in progress of connections that are known. */
      const calls = new Map<string, number>();
      let now = 0;
      const leave = (key: string | undefined): void => {
        if (key === undefined) return;
        crowd.leave(key);
        here.delete(key);
        calls.delete(key);
      };
      for (const { do: what, key: n } of steps) {
        const key = `${n}`;
        now++;
        if (what === 'enter' && !here.has(key)) {
          here.add(key);
          leave(crowd.enter(key, `10.0.0.${n % 3}`, now)?.key);
        } else if (what === 'known' && here.has(key) && !calls.has(key)) {
          calls.set(key, 0);
          leave(crowd.known(key, `node${n % 2}`)?.key);
        } else if (what === 'leave') leave(key);
        else if (what === 'began') {
          const known = calls.get(key);
          const may = known === undefined || known < 2;
          assert.equal(crowd.began(key, now), may);
          if (known !== undefined && may) calls.set(key, known + 1);
        } else if (what === 'ended') {
          crowd.ended(key, now);
          const known = calls.get(key);
          if (known !== undefined) calls.set(key, Math.max(0, known - 1));
        }
        const { newcomers, known } = crowd.size;
        assert.ok(newcomers <= 6 && known <= 4);
        assert.equal(newcomers + known, here.size);
      }
      for (const key of [...here]) leave(key);
      assert.deepEqual(crowd.size, { newcomers: 0, known: 0 });
      assert.deepEqual(crowd.silent(now + limits.silentMs + 1), []);
    }),
  );
});
