/** What goes wrong with logs: rotation under a reader, crashes, full disks, sinks that throw. */
import assert from 'node:assert/strict';
import {
  appendFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';
import type { ReadLogOptions } from '@swarmkit/sdk/contracts/log-sink';
import { eventually } from '@swarmkit/sdk/testkit/eventually';
import { VirtualEnv } from '@swarmkit/sdk/testkit/virtual-env';
import fc from 'fast-check';
import { LogBudget } from '../core/log-budget.js';
import { LogFiles, type LogFilesOptions } from '../shell/log-files.js';

let dir = '';
let logs: LogFiles;
let said: string[] = [];
const env = new VirtualEnv('bounds');
const quiet = (): void => {};
const note = (first: object | string, second?: string): void =>
  void said.push(second ?? String(first));

const open = (options: Partial<LogFilesOptions> = {}): LogFiles =>
  new LogFiles({
    dir,
    maxBytes: 4096,
    keep: 2,
    clock: env.clock,
    log: { debug: quiet, info: note, warn: note, error: note },
    sinks: [],
    onSinkFault: quiet,
    ...options,
  });

beforeEach(() => {
  dir = mkdtempSync(path.join(tmpdir(), 'swarmkit-logs-'));
  said = [];
  logs = open();
});
afterEach(async () => {
  await logs.close();
  rmSync(dir, { recursive: true, force: true });
});

const bytes = (text: string): Buffer => Buffer.from(text);
const read = async (options?: ReadLogOptions, task = 't1'): Promise<readonly string[]> => {
  const lines: string[] = [];
  for await (const line of logs.read(task, options)) lines.push(Buffer.from(line.text).toString());
  return lines;
};
const filesOf = (task = 't1'): readonly string[] => readdirSync(path.join(dir, task)).sort();

test('a follower that keeps up sees every line once, over many rotations', async () => {
  const writer = logs.open('t1');
  const seen: string[] = [];
  const abort = new AbortController();
  const done = (async () => {
    for await (const line of logs.read('t1', { follow: true, signal: abort.signal }))
      seen.push(Buffer.from(line.text).toString());
  })();
  for (let n = 0; n < 600; n++) {
    writer.write('stdout', bytes(`line ${n}\n`));
    if (n % 20 === 19) await eventually(`line ${n}`, () => seen.at(-1) === `line ${n}`);
  }
  assert.deepEqual(
    seen,
    Array.from({ length: 600 }, (_, n) => `line ${n}`),
  );
  abort.abort();
  await done;
});

test('a follower that falls behind goes on with what is kept, never with half a line', async () => {
  const writer = logs.open('t1');
  const reader = logs.read('t1', { follow: true })[Symbol.asyncIterator]();
  writer.write('stdout', bytes('line 0\n'));
  await reader.next();
  for (let n = 1; n < 600; n++) writer.write('stdout', bytes(`line ${n}\n`));
  await writer.close();
  let last = 0;
  while (last < 599) {
    const text = Buffer.from((await reader.next()).value?.text ?? []).toString();
    assert.match(text, /^line \d+$/);
    const n = Number(text.slice(5));
    assert.ok(n > last, `line ${n} after line ${last}`);
    last = n;
  }
  await reader.return?.();
});

test('a file never grows past its bound, however much comes at once', async () => {
  const writer = logs.open('t1');
  writer.write('stdout', bytes(`${'x'.repeat(99)}\n`.repeat(1000)));
  await writer.close();
  assert.equal(filesOf().length, 2);
  for (const name of filesOf()) assert.ok(statSync(path.join(dir, 't1', name)).size <= 4096, name);
  assert.ok((await read()).length > 30);
});

test('a line that a crash tore is left out, and the next one is whole', async () => {
  const writer = logs.open('t1');
  writer.write('stdout', bytes('whole\n'));
  await writer.close();
  await logs.close();
  const [name] = filesOf();
  appendFileSync(path.join(dir, 't1', name ?? ''), '2026-01-01T00:00:00.000000000Z stdout F to');
  logs = open();
  const next = logs.open('t1');
  next.write('stdout', bytes('after\n'));
  await next.close();
  const lines = await read();
  assert.equal(lines[0], 'whole');
  assert.equal(lines.at(-1), 'after');
});

test('a disk that refuses is said once, costs lines, and is used again when it works', async () => {
  writeFileSync(path.join(dir, 't1'), 'in the way of the folder');
  const writer = logs.open('t1');
  for (let n = 0; n < 10; n++) writer.write('stdout', bytes(`lost ${n}\n`));
  await logs.close();
  writer.write('stdout', bytes('lost too\n'));
  await logs.close();
  assert.equal(said.length, 1);
  assert.match(
    said[0] ?? '',
    /^task output is lost because \S+ cannot be written to: .*; make room there$/,
  );
  rmSync(path.join(dir, 't1'));
  writer.write('stdout', bytes('kept\n'));
  await writer.close();
  const lines = await read();
  assert.equal(lines.at(-1), 'kept');
  assert.match(lines.at(-2) ?? '', /^swarmkit: 11 lines were lost here/);
  assert.equal(said.at(-1), 'task output is kept again');
});

test('all tasks together have a bound of what may wait', async () => {
  logs = open({ maxBytes: 1 << 20, budget: new LogBudget(20_000, 15_000) });
  const writers = ['a', 'b'].map((task) => logs.open(task));
  const block = bytes(`${'y'.repeat(960)}\n`.repeat(14));
  for (const writer of writers) writer.write('stdout', block);
  for (const writer of writers) await writer.close();
  assert.equal((await read({}, 'a')).length, 14);
  const second = await read({}, 'b');
  assert.ok(second.length < 14);
  assert.match(second.at(-1) ?? '', /lines were lost here/);
});

test('a writer of a dropped log writes nothing', async () => {
  const writer = logs.open('t1');
  writer.write('stdout', bytes('one\n'));
  await logs.drop('t1');
  writer.write('stdout', bytes('two\n'));
  await writer.close();
  assert.equal(existsSync(path.join(dir, 't1')), false);
  const again = logs.open('t1');
  again.write('stdout', bytes('three\n'));
  await again.close();
  assert.deepEqual(await read(), ['three']);
});

test('a drop during a busy write leaves no file', async () => {
  const writer = logs.open('t1');
  for (let n = 0; n < 200; n++) writer.write('stdout', bytes(`${'z'.repeat(500)}\n`));
  await logs.drop('t1');
  assert.deepEqual(readdirSync(dir), []);
  await writer.close();
  assert.deepEqual(readdirSync(dir), []);
});

test('follow ends by its signal, also where nothing was ever written', async () => {
  const abort = new AbortController();
  const reading = read({ follow: true, signal: abort.signal });
  abort.abort();
  assert.deepEqual(await reading, []);
});

test('a task id cannot leave the folder', async () => {
  mkdirSync(path.join(dir, 'in'));
  logs = open({ dir: path.join(dir, 'in') });
  writeFileSync(path.join(dir, 'precious'), 'x');
  for (const id of ['..', '../x', 'a/b', '', '.'])
    for (const use of [() => logs.open(id), () => logs.read(id)])
      assert.throws(use, { code: 'LOGS_TASK_ID' }, id);
  await assert.rejects(logs.drop('..'), { code: 'LOGS_TASK_ID' });
  assert.ok(existsSync(path.join(dir, 'precious')));
});

test('no streams named means both', async () => {
  const writer = logs.open('t1');
  writer.write('stdout', bytes('a\n'));
  writer.write('stderr', bytes('b\n'));
  await writer.close();
  assert.deepEqual(await read({ streams: [] }), ['a', 'b']);
});

test('a sink that throws is reported once, until it has worked again', async () => {
  const faults: string[] = [];
  let broken = true;
  const line = (): void => {
    if (broken) throw new Error('no');
  };
  logs = open({ sinks: [{ id: 'flaky', line }], onSinkFault: (sink) => faults.push(sink) });
  const writer = logs.open('t1');
  writer.write('stdout', bytes('1\n2\n3\n'));
  broken = false;
  writer.write('stdout', bytes('4\n'));
  broken = true;
  writer.write('stdout', bytes('5\n6\n'));
  await writer.close();
  assert.deepEqual(faults, ['flaky', 'flaky']);
});

test('however output is cut into pieces, the same lines are kept, and tail is their end', async () => {
  let task = 0;
  logs = open({ maxBytes: 1 << 20 });
  await fc.assert(
    fc.asyncProperty(
      fc.array(
        fc.string({ maxLength: 12 }).filter((text) => !text.includes('\n')),
        { maxLength: 12 },
      ),
      fc.array(fc.nat({ max: 40 }), { maxLength: 8 }),
      fc.nat({ max: 14 }),
      async (lines, cuts, tail) => {
        const id = `p${++task}`;
        const all = bytes(lines.map((line) => `${line}\n`).join(''));
        const writer = logs.open(id);
        let at = 0;
        for (const cut of cuts) {
          writer.write('stdout', all.subarray(at, at + cut));
          at += cut;
        }
        writer.write('stdout', all.subarray(at));
        await writer.close();
        assert.deepEqual(await read({}, id), lines);
        assert.deepEqual(await read({ tail }, id), tail === 0 ? [] : lines.slice(-tail));
      },
    ),
    { numRuns: 60 },
  );
});
