/**
 * What every Storage must keep, as tests. A plugin calls `storageConformance` in one of its test files
 * with a world that starts and stops its storage on the same data; strangers' plugins do the same.
 */
import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, it } from 'node:test';
import fc from 'fast-check';
import type { KeyRange, Operation, Space, Storage } from '../contracts/storage.js';
import { isSwarmError } from '../plugin/errors.js';

/** One place for data, on which a storage can be started again and again. */
export interface StorageWorld {
  /** A storage on the data that is there. Not called twice without `stop` between. */
  start(): Promise<Storage>;
  /** Ends the running storage in order, as a plugin's `stop` does, open spaces included. */
  stop(): Promise<void>;
  /** Removes the data. Called after `stop`. */
  dispose(): Promise<void>;
}

type Pair = readonly [string, string];

const bytes = (text: string): Uint8Array => Buffer.from(text, 'latin1');
const text = (value: Uint8Array): string => Buffer.from(value).toString('latin1');
const put = (key: string, value: string): Operation => ({ put: bytes(key), value: bytes(value) });
const del = (key: string): Operation => ({ del: bytes(key) });

async function scanned(space: Space, range?: KeyRange): Promise<Pair[]> {
  const pairs: Pair[] = [];
  for await (const [key, value] of space.scan(range)) pairs.push([text(key), text(value)]);
  return pairs;
}

async function keys(space: Space, range?: KeyRange): Promise<string[]> {
  return (await scanned(space, range)).map(([key]) => key);
}

async function read(space: Space, key: string): Promise<string | undefined> {
  const value = await space.get(bytes(key));
  return value === undefined ? undefined : text(value);
}

const refusal = (code: string) => (error: unknown) => isSwarmError(error) && error.code === code;

export function storageConformance(name: string, makeWorld: () => Promise<StorageWorld>): void {
  describe(`${name} keeps the storage contract`, () => {
    let world: StorageWorld;
    let storage: Storage;
    let space: Space;

    const restart = async (): Promise<void> => {
      await world.stop();
      storage = await world.start();
      space = await storage.open('one');
    };

    beforeEach(async () => {
      world = await makeWorld();
      storage = await world.start();
      space = await storage.open('one');
    });

    afterEach(async () => {
      await world.stop();
      await world.dispose();
    });

    it('gives back what was put, and undefined for what was not', async () => {
      await space.batch([put('a', '1'), put('b', '2')]);
      assert.equal(await read(space, 'a'), '1');
      assert.equal(await read(space, 'b'), '2');
      assert.equal(await space.get(bytes('c')), undefined);
    });

    it('overwrites and deletes; deleting what is not there does nothing', async () => {
      await space.batch([put('a', '1'), put('b', '2')]);
      await space.batch([put('a', '3'), del('b'), del('never')]);
      assert.deepEqual(await scanned(space), [['a', '3']]);
    });

    it('applies the operations of one batch in order', async () => {
      await space.batch([put('a', '1'), del('a'), put('a', '2'), put('b', '1'), del('b')]);
      assert.deepEqual(await scanned(space), [['a', '2']]);
    });

    it('takes an empty batch, an empty key and an empty value', async () => {
      await space.batch([]);
      await space.batch([put('', ''), put('a', '')]);
      assert.equal(await read(space, ''), '');
      assert.equal(await read(space, 'a'), '');
      assert.deepEqual(await keys(space), ['', 'a']);
      assert.deepEqual(await keys(space, { gte: bytes('') }), ['', 'a']);
      assert.deepEqual(await keys(space, { lt: bytes('') }), []);
      await space.batch([del('')]);
      assert.equal(await space.get(bytes('')), undefined);
    });

    it('orders keys by unsigned bytes', async () => {
      const unordered = ['\xff', 'b', '\x00', 'a', '\x7f', '\x80', 'ab', 'a\x00', '\x00\xff', ''];
      await space.batch(unordered.map((key) => put(key, key)));
      const ordered = ['', '\x00', '\x00\xff', 'a', 'a\x00', 'ab', 'b', '\x7f', '\x80', '\xff'];
      assert.deepEqual(await keys(space), ordered);
      assert.deepEqual(await keys(space, { reverse: true }), ordered.toReversed());
    });

    it('scans from gte, included, to lt, excluded', async () => {
      await space.batch(['a', 'b', 'c', 'd'].map((key) => put(key, key)));
      assert.deepEqual(await keys(space, { gte: bytes('b') }), ['b', 'c', 'd']);
      assert.deepEqual(await keys(space, { lt: bytes('c') }), ['a', 'b']);
      assert.deepEqual(await keys(space, { gte: bytes('aa'), lt: bytes('cc') }), ['b', 'c']);
      assert.deepEqual(await keys(space, { gte: bytes('b'), lt: bytes('b') }), []);
      assert.deepEqual(await keys(space, { gte: bytes('c'), lt: bytes('b') }), []);
      assert.deepEqual(await keys(space, { gte: bytes('x') }), []);
    });

    it('scans backwards and stops at the limit', async () => {
      await space.batch(['a', 'b', 'c', 'd'].map((key) => put(key, key)));
      const middle = { gte: bytes('b'), lt: bytes('d') };
      assert.deepEqual(await keys(space, { ...middle, reverse: true }), ['c', 'b']);
      assert.deepEqual(await keys(space, { reverse: true, limit: 1 }), ['d']);
      assert.deepEqual(await keys(space, { limit: 3 }), ['a', 'b', 'c']);
      assert.deepEqual(await keys(space, { limit: 0 }), []);
      assert.deepEqual(await keys(space, { limit: 99 }), ['a', 'b', 'c', 'd']);
    });

    it('shows a scan the state at its start', async () => {
      const many = Array.from({ length: 3_000 }, (_, i) => `k${String(i).padStart(5, '0')}`);
      await space.batch(many.map((key) => put(key, 'old')));
      const seen: Pair[] = [];
      for await (const [key, value] of space.scan()) {
        if (seen.length === 0)
          await space.batch([put('k99999', 'new'), del('k02000'), put('k02999', 'new')]);
        seen.push([text(key), text(value)]);
      }
      assert.deepEqual(
        seen,
        many.map((key) => [key, 'old']),
      );
      assert.equal(await read(space, 'k02999'), 'new');
    });

    it('lets a reader leave a scan early, and closes afterwards', async () => {
      await space.batch(Array.from({ length: 5_000 }, (_, i) => put(`k${i}`, 'v')));
      for await (const _ of space.scan()) break;
      await assert.rejects(async () => {
        for await (const _ of space.scan()) throw new Error('reader');
      }, /^Error: reader$/);
      await space.close();
    });

    it('does not look at the buffers of a batch after the call', async () => {
      const key = bytes('a');
      const value = bytes('1');
      const done = space.batch([{ put: key, value }]);
      key[0] = 0x62;
      value[0] = 0x39;
      await done;
      assert.deepEqual(await scanned(space), [['a', '1']]);
    });

    it('keeps the order of batches that are called without waiting', async () => {
      const done: Promise<void>[] = [];
      const order: number[] = [];
      for (let i = 0; i < 500; i++) {
        const settled = space.batch([
          put('last', String(i)),
          put(`n${i}`, String(i)),
          del(`n${i - 1}`),
        ]);
        done.push(settled.then(() => void order.push(i)));
      }
      await Promise.all(done);
      assert.deepEqual(
        order,
        Array.from({ length: 500 }, (_, i) => i),
      );
      assert.deepEqual(await scanned(space), [
        ['last', '499'],
        ['n499', '499'],
      ]);
    });

    it('holds values of 1 MiB', async () => {
      const large = new Uint8Array(1024 * 1024).map((_, i) => (i * 31) ^ (i >> 8));
      await space.batch([{ put: bytes('large'), value: large }, put('small', 's')]);
      await restart();
      const back = await space.get(bytes('large'));
      assert.ok(back !== undefined && Buffer.compare(back, large) === 0);
      assert.deepEqual(await keys(space), ['large', 'small']);
    });

    it('holds many keys', async () => {
      const count = 20_000;
      for (let from = 0; from < count; from += 4_000)
        await space.batch(
          Array.from({ length: 4_000 }, (_, i) =>
            put(`k${String(from + i).padStart(6, '0')}`, `v${i}`),
          ),
        );
      await restart();
      let next = 0;
      for await (const [key] of space.scan())
        assert.equal(text(key), `k${String(next++).padStart(6, '0')}`);
      assert.equal(next, count);
    });

    it('has every acknowledged batch after a restart', async () => {
      await space.batch([put('a', '1'), put('b', '1')]);
      await space.batch([put('a', '2'), del('b')]);
      await restart();
      assert.deepEqual(await scanned(space), [['a', '2']]);
      await space.batch([put('c', '3')]);
      await restart();
      assert.deepEqual(await scanned(space), [
        ['a', '2'],
        ['c', '3'],
      ]);
    });

    it('finishes the batches in flight when it closes', async () => {
      const done = Array.from({ length: 50 }, (_, i) => space.batch([put(`k${i}`, 'v')]));
      await space.close();
      await Promise.all(done);
      space = await storage.open('one');
      assert.equal((await keys(space)).length, 50);
    });

    it('keeps spaces apart', async () => {
      const other = await storage.open('two');
      await space.batch([put('a', 'one')]);
      await other.batch([put('a', 'two')]);
      assert.equal(await read(space, 'a'), 'one');
      assert.equal(await read(other, 'a'), 'two');
      await other.close();
      assert.equal(await read(space, 'a'), 'one');
    });

    it('refuses to open an open space, and opens it again once closed', async () => {
      await assert.rejects(storage.open('one'), refusal('STORAGE_LOCKED'));
      await space.batch([put('a', '1')]);
      await space.close();
      space = await storage.open('one');
      assert.equal(await read(space, 'a'), '1');
    });

    it('lets one of two open calls made at once win', async () => {
      const outcomes = await Promise.allSettled([storage.open('race'), storage.open('race')]);
      assert.deepEqual(outcomes.map((outcome) => outcome.status).toSorted(), [
        'fulfilled',
        'rejected',
      ]);
    });

    it('refuses work on a closed space', async () => {
      await space.batch([put('a', '1')]);
      await space.close();
      await assert.rejects(space.get(bytes('a')), refusal('STORAGE_CLOSED'));
      await assert.rejects(space.batch([put('a', '2')]), refusal('STORAGE_CLOSED'));
      await assert.rejects(keys(space), refusal('STORAGE_CLOSED'));
      await space.close();
    });

    it('behaves like a sorted array under any history', async () => {
      // Few and short keys, so that overwriting, deleting and range ends meet all the time.
      const key = fc.string({ unit: fc.constantFrom('\x00', 'a', 'b', '\xff'), maxLength: 3 });
      const operation = fc.oneof(
        fc.record({ put: key, value: fc.string({ maxLength: 4 }) }),
        fc.record({ del: key }),
      );
      const range = fc.record(
        { gte: key, lt: key, reverse: fc.boolean(), limit: fc.nat({ max: 6 }) },
        { requiredKeys: [] },
      );
      const step = fc.oneof(
        { weight: 4, arbitrary: fc.record({ batch: fc.array(operation, { maxLength: 5 }) }) },
        { weight: 4, arbitrary: fc.record({ scan: range }) },
        { weight: 1, arbitrary: fc.constant({ restart: true as const }) },
      );
      await fc.assert(
        fc.asyncProperty(fc.array(step, { maxLength: 25 }), async (steps) => {
          await space.batch((await keys(space)).map(del));
          const model = new Map<string, string>();
          for (const one of steps) {
            if ('batch' in one) {
              const operations = one.batch.map((op) =>
                'put' in op ? put(op.put, op.value) : del(op.del),
              );
              for (const op of one.batch)
                if ('put' in op) model.set(op.put, text(bytes(op.value)));
                else model.delete(op.del);
              await space.batch(operations);
            } else if ('scan' in one) {
              assert.deepEqual(await scanned(space, rangeOf(one.scan)), expected(model, one.scan));
            } else {
              await restart();
            }
          }
          assert.deepEqual(await scanned(space), expected(model, {}));
        }),
        { numRuns: 40 },
      );
    });
  });
}

interface TextRange {
  readonly gte?: string;
  readonly lt?: string;
  readonly reverse?: boolean;
  readonly limit?: number;
}

const rangeOf = ({ gte, lt, ...rest }: TextRange): KeyRange => ({
  ...rest,
  ...(gte === undefined ? {} : { gte: bytes(gte) }),
  ...(lt === undefined ? {} : { lt: bytes(lt) }),
});

function expected(model: ReadonlyMap<string, string>, range: TextRange): Pair[] {
  // Latin-1 text sorts like its bytes.
  const sorted = [...model].toSorted(([a], [b]) => (a < b ? -1 : 1));
  const inside = sorted.filter(
    ([key]) =>
      (range.gte === undefined || key >= range.gte) && (range.lt === undefined || key < range.lt),
  );
  return (range.reverse ? inside.toReversed() : inside).slice(0, range.limit);
}
