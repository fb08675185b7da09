// The control socket seen by a client that is not grpc-js: node's own HTTP/2, so that header compression is
// tried against another implementation, and calls that no gRPC client makes.
import assert from 'node:assert/strict';
import { type ClientHttp2Session, connect, type IncomingHttpHeaders } from 'node:http2';
import { type TestContext, test } from 'node:test';
import { connect as connectTls } from 'node:tls';
import fc from 'fast-check';
import { collect, startServer, until } from './harness.js';
import { ProbeService } from './probe-service.js';

interface Answer {
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

const message = (text: string, flag = 0, claimed = Buffer.byteLength(text)): Buffer => {
  const head = Buffer.of(flag, 0, 0, 0, 0);
  head.writeUInt32BE(claimed, 1);
  return Buffer.concat([head, Buffer.from(text)]);
};

function open(t: TestContext, path: string): ClientHttp2Session {
  const session = connect('https://localhost', {
    createConnection: () => connectTls({ path, ALPNProtocols: ['h2'], rejectUnauthorized: false }),
  });
  session.on('error', () => undefined);
  t.after(() => session.destroy());
  return session;
}

const ask = (
  session: ClientHttp2Session,
  headers: Record<string, string>,
  body: Buffer,
): Promise<Answer> =>
  new Promise((resolve, reject) => {
    const stream = session.request(
      {
        ':method': 'POST',
        ':path': ProbeService.unary.path,
        'content-type': 'application/grpc',
        ...headers,
      },
      { endStream: false },
    );
    let seen: IncomingHttpHeaders = {};
    const parts: Buffer[] = [];
    stream.on('response', (response) => (seen = { ...seen, ...response }));
    stream.on('trailers', (trailers) => (seen = { ...seen, ...trailers }));
    stream.on('data', (bytes: Buffer) => parts.push(bytes));
    stream.on('close', () =>
      resolve({ headers: seen, body: Buffer.concat(parts).subarray(5).toString() }),
    );
    stream.on('error', reject);
    stream.end(body);
  });

const running = async (t: TestContext) => {
  const started = await startServer(t);
  started.server.mount({
    definition: ProbeService,
    expose: ['control'],
    handlers: {
      unary: {
        unary: (request: string, call) => `${request} ${call.metadata.get('x-word') ?? ''}`,
      },
      up: { clientStream: async (requests) => (await collect(requests)).join('+') },
    },
  });
  return { ...started, session: open(t, started.socket) };
};

test("any header comes through another implementation's compression", async (t) => {
  const { session } = await running(t);
  const printable = fc
    .array(fc.integer({ min: 0x20, max: 0x7e }), { maxLength: 60 })
    .map((codes) => String.fromCharCode(...codes).trim());
  await fc.assert(
    fc.asyncProperty(printable, fc.stringMatching(/^[a-z]{1,20}$/), async (word, other) => {
      const { headers, body } = await ask(
        session,
        { 'x-word': word, [`y-${other}`]: word },
        message('hello'),
      );
      assert.deepEqual([headers['grpc-status'], body], ['0', `hello ${word}`]);
    }),
    { numRuns: 300 },
  );
});

test('a call that is none is refused in words, and the next one is served', async (t) => {
  const { session } = await running(t);
  const refused: readonly (readonly [Record<string, string>, Buffer, string, RegExp])[] = [
    [{}, message('x', 1), '12', /compressed/],
    [{}, message('x', 0, 2 ** 30), '8', /larger than max \(1073741824 vs\. 4194304\)/],
    [{}, message('x', 0, 9), '13', /middle of a message/],
    [{}, Buffer.alloc(0), '13', /one request/],
    [{}, Buffer.concat([message('x'), message('y')]), '13', /one request/],
    [{ ':path': '/no.Such/Method' }, message('x'), '12', /does not implement the method/],
    [{ ':path': ProbeService.up.path }, message('x', 1), '12', /compressed/],
  ];
  for (const [headers, body, status, words] of refused) {
    const { headers: answer } = await ask(session, headers, body);
    assert.equal(answer['grpc-status'], status);
    assert.match(decodeURIComponent(String(answer['grpc-message'])), words);
  }
  for (const headers of [{ ':method': 'GET' }, { 'content-type': 'text/plain' }])
    assert.equal((await ask(session, headers, Buffer.alloc(0))).headers[':status'], 415);
  const path = ProbeService.up.path;
  const stream = Buffer.concat([message('a'), message(''), message('c'.repeat(40_000))]);
  assert.equal((await ask(session, { ':path': path }, stream)).body.length, 'a++'.length + 40_000);
  assert.equal((await ask(session, {}, message('still'))).body, 'still ');
});

test('who does not speak HTTP/2 is cut off, and nobody else', async (t) => {
  const { session, socket } = await running(t);
  const stranger = connectTls({ path: socket, rejectUnauthorized: false });
  t.after(() => stranger.destroy());
  let closed = false;
  stranger.on('error', () => undefined);
  stranger.on('close', () => {
    closed = true;
  });
  stranger.resume();
  stranger.write('GET / HTTP/1.1\r\n\r\n');
  await until(() => closed, 'the connection is closed');
  assert.equal((await ask(session, {}, message('hello'))).body, 'hello ');
});
