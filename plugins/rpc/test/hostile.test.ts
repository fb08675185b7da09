// A peer that speaks TLS and the first words of HTTP/2, and then whatever it likes.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect as connectPlain } from 'node:net';
import { test } from 'node:test';
import { connect } from 'node:tls';
import { HealthService } from '@swarmkit/sdk/wire/gen/swarmkit/health';
import { clientOf, type Running, startServer, until } from './harness.js';
import { ProbeService } from './probe-service.js';

const PREFACE = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n');
const [DATA, HEADERS, RST_STREAM, SETTINGS, PING, CONTINUATION] = [0, 1, 3, 4, 6, 9];
const END_STREAM = 1;
const END_HEADERS = 4;

function frame(type: number, flags: number, stream: number, payload: Buffer): Buffer {
  const head = Buffer.alloc(9);
  head.writeUIntBE(payload.length, 0, 3);
  head[3] = type;
  head[4] = flags;
  head.writeUInt32BE(stream, 5);
  return Buffer.concat([head, payload]);
}

/** HPACK without its table: literal names and values. */
const block = (headers: readonly (readonly [string, string])[]): Buffer =>
  Buffer.concat(
    headers.map(([name, value]) =>
      Buffer.concat([
        Buffer.from([0, name.length]),
        Buffer.from(name, 'latin1'),
        Buffer.from([value.length]),
        Buffer.from(value, 'latin1'),
      ]),
    ),
  );

const call = (path: string, ...more: readonly (readonly [string, string])[]): Buffer =>
  block([
    [':method', 'POST'],
    [':scheme', 'https'],
    [':path', path],
    [':authority', 'x'],
    ['content-type', 'application/grpc'],
    ['te', 'trailers'],
    ...more,
  ]);

const begin = Buffer.concat([PREFACE, frame(SETTINGS, 0, 0, Buffer.alloc(0))]);
const message = (...bytes: number[]): Buffer => Buffer.from([0, 0, 0, 0, bytes.length, ...bytes]);
const request = (headers: Buffer, body: Buffer, stream = 1): Buffer =>
  Buffer.concat([
    frame(HEADERS, END_HEADERS, stream, headers),
    frame(DATA, END_STREAM, stream, body),
  ]);
const UNARY = ProbeService.unary.path;

const attacks: { readonly [name: string]: Buffer } = {
  'a path of high bytes': Buffer.concat([begin, request(call('/\xff\x80/\xe9'), message(1))]),
  'a path with a control character': Buffer.concat([begin, request(call('/a\tb'), message(1))]),
  'a path of prototypes': Buffer.concat([
    begin,
    request(call('/__proto__/constructor', ['__proto__', 'x']), message(1)),
  ]),
  'a bad timeout': Buffer.concat([
    begin,
    request(call(UNARY, ['grpc-timeout', 'zzz']), message(1)),
  ]),
  'a huge timeout': Buffer.concat([
    begin,
    request(call(UNARY, ['grpc-timeout', '99999999H']), message(1)),
  ]),
  'an unknown encoding': Buffer.concat([
    begin,
    request(call(UNARY, ['grpc-encoding', 'wat']), Buffer.from([1, 0, 0, 0, 1, 5])),
  ]),
  'broken gzip': Buffer.concat([
    begin,
    request(call(UNARY, ['grpc-encoding', 'gzip']), Buffer.from([1, 0, 0, 0, 1, 5])),
  ]),
  'a length of 2 GiB': Buffer.concat([
    begin,
    request(call(UNARY), Buffer.from([0, 0x7f, 0xff, 0xff, 0xff, 5])),
  ]),
  'no message': Buffer.concat([begin, request(call(UNARY), Buffer.alloc(0))]),
  'half a message': Buffer.concat([begin, request(call(UNARY), Buffer.from([0, 0, 0, 0, 9, 1]))]),
  'two messages': Buffer.concat([
    begin,
    request(call(UNARY), Buffer.concat([message(65), message(66)])),
  ]),
  'bytes that are no protobuf': Buffer.concat([
    begin,
    request(call(HealthService.check.path), message(0xff, 0xff, 0xff)),
  ]),
  'binary metadata that is not': Buffer.concat([
    begin,
    request(call(UNARY, ['x-bin', '!!!']), message(65)),
  ]),
  'another method': Buffer.concat([
    begin,
    frame(
      HEADERS,
      END_HEADERS | END_STREAM,
      1,
      block([
        [':method', 'GET'],
        [':path', '/'],
      ]),
    ),
  ]),
  'data before headers': Buffer.concat([begin, frame(DATA, 0, 5, Buffer.alloc(100, 1))]),
  'a continuation of nothing': Buffer.concat([begin, frame(CONTINUATION, 4, 1, call(UNARY))]),
  'a frame that is too long': Buffer.concat([begin, frame(PING, 0, 0, Buffer.alloc(70_000))]),
  'no settings': Buffer.concat([PREFACE, request(call(UNARY), message(65))]),
  'HTTP/1': Buffer.from('GET / HTTP/1.1\r\nHost: x\r\n\r\n'),
  noise: Buffer.from(Array.from({ length: 4096 }, (_, i) => (i * 7919) & 0xff)),
  'many streams, each reset at once': Buffer.concat([
    begin,
    ...Array.from({ length: 500 }, (_, i) =>
      Buffer.concat([
        frame(HEADERS, END_HEADERS, 2 * i + 1, call(UNARY)),
        frame(RST_STREAM, 0, 2 * i + 1, Buffer.from([0, 0, 0, 8])),
      ]),
    ),
  ]),
};

/** Sends it, and waits for an answer or the end; then hangs up in the middle. */
async function attack(running: Running, bytes: Buffer): Promise<void> {
  const socket = connect({
    path: running.socket,
    rejectUnauthorized: false,
    ALPNProtocols: ['h2'],
  });
  socket.on('error', () => undefined);
  await once(socket, 'secureConnect');
  socket.write(bytes);
  await Promise.race([once(socket, 'data'), once(socket, 'close')]);
  socket.destroy();
}

test('no attack stops the server or reaches anybody else', async (t) => {
  const running = await startServer(t);
  running.server.mount({
    definition: ProbeService,
    expose: ['control'],
    handlers: { unary: { unary: (text: string) => text } },
  });
  for (const [name, bytes] of Object.entries(attacks)) {
    await attack(running, bytes);
    const { status } = await running.connection.unary(HealthService.check, { service: '' });
    assert.equal(status, 1, name);
  }
  const plain = connectPlain(running.socket).on('error', () => undefined);
  plain.end('hello\n');
  await once(plain.resume(), 'close');
  assert.equal(await running.connection.unary(ProbeService.unary, 'alive'), 'alive');
  assert.deepEqual(
    running.logged.filter(({ level }) => level === 'error'),
    [],
  );
});

test('a message that cannot be taken ends its call alone, and is counted', async (t) => {
  const running = await startServer(t, { remote: true });
  const check = HealthService.check.path;
  const [host, port] = running.remote.split(':');
  const socket = connect({
    host,
    port: Number(port),
    ca: running.identity.rootsPem,
    cert: running.identity.certificatePem,
    key: running.identity.keyPem,
    servername: 'swarm-manager',
    ALPNProtocols: ['h2'],
  });
  t.after(() => socket.destroy());
  socket.on('error', () => undefined);
  await once(socket, 'secureConnect');
  socket.resume();
  // 1 GiB announced, nothing of it sent, and the stream left open.
  const huge = Buffer.from([0, 0x40, 0, 0, 0, 5]);
  socket.write(
    Buffer.concat([
      begin,
      frame(HEADERS, END_HEADERS, 1, call(check)),
      frame(DATA, 0, 1, huge),
      request(call(check), message(0xff, 0xff, 0xff), 3),
      request(call(check, ['grpc-encoding', 'gzip']), Buffer.from([1, 0, 0, 0, 4, 1, 2, 3, 4]), 5),
    ]),
  );
  await until(() => {
    const counts = running.server.counters();
    return counts['oversize-message'] === 1 && counts['bad-message'] === 2;
  }, 'both kinds are counted');
  const connection = clientOf(running.identity).connect(running.remote);
  t.after(() => connection.close());
  assert.equal((await connection.unary(HealthService.check, { service: '' })).status, 1);
  assert.deepEqual(
    running.logged.filter(({ level, message: text }) => level === 'warn' && /refused/.test(text))
      .length,
    2,
  );
});
