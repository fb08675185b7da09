import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';
import type { LogLine, ReadLogOptions } from '@swarmkit/sdk/contracts/log-sink';
import { VirtualEnv } from '@swarmkit/sdk/testkit/virtual-env';
import { LogFiles, type LogFilesOptions } from '../shell/log-files.js';

let dir = '';
let env = new VirtualEnv('logs');
let logs: LogFiles;

const open = (options: Partial<LogFilesOptions> = {}): LogFiles =>
  new LogFiles({
    dir,
    maxBytes: 4096,
    keep: 2,
    clock: env.clock,
    log: { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} },
    sinks: [],
    onSinkFault: () => undefined,
    ...options,
  });

beforeEach(() => {
  dir = mkdtempSync(path.join(tmpdir(), 'swk-logs-'));
  env = new VirtualEnv('logs');
  logs = open();
});
afterEach(async () => {
  await logs.close();
  rmSync(dir, { recursive: true, force: true });
});

const text = async (options?: ReadLogOptions): Promise<readonly string[]> => {
  const lines: string[] = [];
  for await (const line of logs.read('t1', options)) lines.push(Buffer.from(line.text).toString());
  return lines;
};

test('lines come back in order, with their stream and time, a last one without newline too', async () => {
  const writer = logs.open('t1');
  writer.write('stdout', Buffer.from('one\ntw'));
  await env.clock.advance(5);
  writer.write('stderr', Buffer.from('oops\n'));
  writer.write('stdout', Buffer.from('o\nthree'));
  await writer.close();
  const found: LogLine[] = [];
  for await (const line of logs.read('t1')) found.push(line);
  assert.deepEqual(
    found.map(({ stream, text: bytes, at }) => [
      stream,
      Buffer.from(bytes).toString(),
      at - 1_700_000_000_000,
    ]),
    [
      ['stdout', 'one', 0],
      ['stderr', 'oops', 5],
      ['stdout', 'two', 5],
      ['stdout', 'three', 5],
    ],
  );
});

test('an empty log and an unknown task have no lines', async () => {
  assert.deepEqual(await text(), []);
  await logs.open('t1').close();
  assert.deepEqual(await text(), []);
});

test('tail, since and streams choose', async () => {
  const writer = logs.open('t1');
  writer.write('stdout', Buffer.from('a\nb\n'));
  await env.clock.advance(10);
  writer.write('stderr', Buffer.from('c\n'));
  writer.write('stdout', Buffer.from('d\n'));
  await writer.close();
  assert.deepEqual(await text({ tail: 2 }), ['c', 'd']);
  assert.deepEqual(await text({ tail: 0 }), []);
  assert.deepEqual(await text({ since: 1_700_000_000_010 }), ['c', 'd']);
  assert.deepEqual(await text({ streams: ['stderr'] }), ['c']);
});

test('files are bounded: the oldest lines go', async () => {
  const writer = logs.open('t1');
  for (let n = 0; n < 500; n++) {
    writer.write('stdout', Buffer.from(`line ${n}\n`));
    if (n % 50 === 0) await text({ tail: 0 });
  }
  await writer.close();
  const names = readdirSync(path.join(dir, 't1')).sort();
  assert.equal(names.length, 2);
  for (const name of names) assert.ok(statSync(path.join(dir, 't1', name)).size <= 4096);
  const lines = await text();
  assert.equal(lines.at(-1), 'line 499');
  assert.ok(lines.length < 500);
  assert.deepEqual(
    lines,
    lines.map((_, at) => `line ${500 - lines.length + at}`),
  );
});

test('a new writer appends, as after a restart', async () => {
  const first = logs.open('t1');
  first.write('stdout', Buffer.from('before\n'));
  await first.close();
  await logs.close();
  logs = open();
  const second = logs.open('t1');
  second.write('stdout', Buffer.from('after\n'));
  await second.close();
  assert.deepEqual(await text(), ['before', 'after']);
});

test('follow hands on what comes, and ends when the log is dropped', async () => {
  const writer = logs.open('t1');
  writer.write('stdout', Buffer.from('old\n'));
  const seen: string[] = [];
  let heard: () => void = () => undefined;
  const done = (async () => {
    for await (const line of logs.read('t1', { follow: true })) {
      seen.push(Buffer.from(line.text).toString());
      heard();
    }
  })();
  const next = (): Promise<void> =>
    new Promise((resolve) => {
      heard = resolve;
    });
  await next();
  const second = next();
  writer.write('stdout', Buffer.from('new\n'));
  await second;
  assert.deepEqual(seen, ['old', 'new']);
  await logs.drop('t1');
  await done;
  assert.deepEqual(readdirSync(dir), []);
});

test('a very long line is cut into parts and nothing is lost', async () => {
  logs = open({ maxBytes: 1 << 20 });
  const writer = logs.open('t1');
  const long = 'x'.repeat(40_000);
  writer.write('stdout', Buffer.from(`${long}\nend\n`));
  await writer.close();
  const lines = await text();
  assert.equal(lines.slice(0, -1).join(''), long);
  assert.equal(lines.at(-1), 'end');
  assert.match(readFileSync(path.join(dir, 't1', '1.log'), 'latin1'), /^\S+Z stdout P x/);
});

test('every sink gets every line, and one that throws stops nobody', async () => {
  const got: string[] = [];
  const faults: string[] = [];
  logs = open({
    sinks: [
      {
        id: 'broken',
        line: () => {
          throw new Error('no');
        },
      },
      { id: 'good', line: (line) => got.push(Buffer.from(line.text).toString()) },
    ],
    onSinkFault: (sink) => faults.push(sink),
  });
  const writer = logs.open('t1');
  writer.write('stdout', Buffer.from('a\nb\n'));
  await writer.close();
  assert.deepEqual(got, ['a', 'b']);
  assert.deepEqual(faults, ['broken']);
  assert.deepEqual(await text(), ['a', 'b']);
});

test('a writer that is faster than the disk loses lines, says so, and never waits', async () => {
  logs = open({ maxBytes: 1 << 24 });
  const writer = logs.open('t1');
  const block = Buffer.from(`${'y'.repeat(1000)}\n`);
  for (let n = 0; n < 3_000; n++) writer.write('stdout', block);
  await logs.open('t1').close();
  writer.write('stdout', Buffer.from('later\n'));
  await writer.close();
  const lines = await text();
  assert.ok(lines.length < 3_000);
  assert.match(lines.at(-2) ?? '', /lines were lost here/);
  assert.equal(lines.at(-1), 'later');
});
