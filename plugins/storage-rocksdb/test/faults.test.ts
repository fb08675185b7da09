import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import type { Space } from '@swarmkit/sdk/contracts/storage';
import { isSwarmError } from '@swarmkit/sdk/plugin/errors';
import { RocksdbStorage } from '../shell/rocksdb-storage.js';

let dir: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'storage-rocksdb-'));
});
afterEach(() => rmSync(dir, { recursive: true }));

/** The code is right and the one sentence names the folder. */
const refusal = (code: string, folder: string) => (error: unknown) => {
  assert.ok(isSwarmError(error), String(error));
  assert.equal(error.code, code, error.message);
  assert.ok(error.message.includes(folder), error.message);
  return true;
};

const noise = (length: number, seed: number): Buffer => {
  const bytes = Buffer.alloc(length);
  let x = seed | 1;
  for (let i = 0; i < length; i++) {
    x = (Math.imul(x, 1_103_515_245) + 12_345) >>> 0;
    bytes[i] = x >>> 16;
  }
  return bytes;
};

const key = (n: number): Buffer => Buffer.from(`k${String(n).padStart(6, '0')}`);

async function count(space: Space): Promise<number> {
  let pairs = 0;
  for await (const _ of space.scan()) pairs++;
  return pairs;
}

describe('a process that is killed', () => {
  it('finds every acknowledged batch again, and no half one', async () => {
    let acknowledged = -1;
    for (const killAfter of [40, 400, 1_500]) {
      const writer = fileURLToPath(new URL('./crash-writer.js', import.meta.url));
      const child = spawn(process.execPath, [writer, dir, String(acknowledged + 1)], {
        stdio: ['ignore', 'pipe', 'inherit'],
      });
      const ended = new Promise((resolve) => child.once('close', resolve));
      let printed = '';
      let seen = 0;
      for await (const chunk of child.stdout) {
        printed += String(chunk);
        seen = printed.split('\n').length;
        if (seen >= killAfter) child.kill('SIGKILL');
      }
      await ended;
      const numbers = printed.split('\n').slice(0, -1).map(Number);
      acknowledged = Math.max(acknowledged, ...numbers);
      const storage = new RocksdbStorage(dir);
      const space = await storage.open('crash');
      const found = { a: new Set<number>(), b: new Set<number>() };
      for await (const [name, value] of space.scan()) {
        const text = Buffer.from(name).toString();
        const number = Number(text.slice(1));
        assert.ok(value.every((byte) => byte === number % 251));
        found[text[0] as 'a' | 'b'].add(number);
      }
      for (let n = 0; n <= acknowledged; n++) assert.ok(found.a.has(n), `batch ${n} is lost`);
      assert.deepEqual(found.a, found.b);
      acknowledged = Math.max(acknowledged, ...found.a);
      await storage.close();
    }
  });
});

describe('a folder in use', () => {
  it('is refused to a second process, by name', async () => {
    const storage = new RocksdbStorage(dir);
    await storage.open('one');
    const script = `
      const { RocksdbStorage } = await import(${JSON.stringify(new URL('../shell/rocksdb-storage.js', import.meta.url).href)});
      await new RocksdbStorage(${JSON.stringify(dir)}).open('one').then(
        () => console.log('opened'),
        (error) => console.log(error.code + ' ' + error.message));`;
    const said = execFileSync(process.execPath, ['--input-type=module', '-e', script]).toString();
    assert.match(said, /^STORAGE_LOCKED /);
    assert.ok(said.includes(join(dir, 'one')));
    assert.match(said, /in use by another process/);
    await storage.close();
  });

  it('is refused to a second storage of the same process', async () => {
    const storage = new RocksdbStorage(dir);
    await storage.open('one');
    await assert.rejects(
      new RocksdbStorage(dir).open('one'),
      refusal('STORAGE_LOCKED', join(dir, 'one')),
    );
    await storage.close();
  });
});

describe('a folder that cannot be used', () => {
  it('is named', async () => {
    writeFileSync(join(dir, 'file'), '');
    const below = join(dir, 'file', 'state');
    await assert.rejects(new RocksdbStorage(below).open('one'), refusal('STORAGE_IO', below));
  });
});

describe('flipped bits', () => {
  const fill = async (batches: number): Promise<void> => {
    const storage = new RocksdbStorage(dir);
    const space = await storage.open('one');
    for (let n = 0; n < batches; n++) await space.batch([{ put: key(n), value: noise(1_000, n) }]);
    await storage.close();
  };

  const flip = (file: string, at: (size: number) => number): void => {
    const path = join(dir, 'one', file);
    const bytes = readFileSync(path);
    const offset = at(bytes.length);
    bytes[offset] = (bytes[offset] as number) ^ 0x10;
    writeFileSync(path, bytes);
  };

  const file = (pattern: RegExp): string => {
    const found = readdirSync(join(dir, 'one')).filter((name) => pattern.test(name));
    assert.ok(found.length > 0, `no file like ${pattern}`);
    return found.sort().at(-1) as string;
  };

  /** Reads everything, as a user does at its start. */
  const readAll = async (): Promise<number> => {
    const storage = new RocksdbStorage(dir);
    try {
      return await count(await storage.open('one'));
    } finally {
      await storage.close();
    }
  };

  for (const [where, at] of [
    ['in the middle of', (size: number) => size >> 1],
    ['in the last record of', (size: number) => size - 100],
  ] as const)
    it(`${where} the write-ahead log are found at the start`, async () => {
      await fill(200);
      flip(file(/\.log$/), at);
      await assert.rejects(readAll(), refusal('STORAGE_CORRUPT', join(dir, 'one')));
    });

  it('in a table are found when it is read', async () => {
    await fill(200);
    // Opening writes the log into a table.
    assert.equal(await readAll(), 200);
    for (const fraction of [3, 2]) {
      flip(file(/\.sst$/), (size) => Math.floor(size / fraction));
      await assert.rejects(readAll(), refusal('STORAGE_CORRUPT', join(dir, 'one')));
      flip(file(/\.sst$/), (size) => Math.floor(size / fraction));
    }
    assert.equal(await readAll(), 200);
  });

  it('in the manifest are found at the start', async () => {
    await fill(200);
    await readAll();
    flip(file(/^MANIFEST/), (size) => size >> 1);
    await assert.rejects(readAll(), refusal('STORAGE_CORRUPT', join(dir, 'one')));
  });

  it('a missing table is found at the start', async () => {
    await fill(200);
    await readAll();
    rmSync(join(dir, 'one', file(/\.sst$/)));
    await assert.rejects(readAll(), refusal('STORAGE_CORRUPT', join(dir, 'one')));
  });

  it('a log that was cut off in its last record is no damage', async () => {
    await fill(200);
    const path = join(dir, 'one', file(/\.log$/));
    writeFileSync(path, readFileSync(path).subarray(0, -300));
    assert.equal(await readAll(), 199);
  });
});

const root = process.getuid?.() === 0;

describe('a full disk', { skip: root ? false : 'needs root, to mount a small file system' }, () => {
  let mounted: string;
  beforeEach(() => {
    mounted = join(dir, 'small');
    execFileSync('mkdir', [mounted]);
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=16m', 'tmpfs', mounted]);
  });
  afterEach(() => execFileSync('umount', ['-l', mounted]));

  const resize = (size: string): unknown =>
    execFileSync('mount', ['-o', `remount,size=${size}`, mounted]);

  for (const valueBytes of [300, 5_000, 70_000, 900_000])
    it(`refuses values of ${valueBytes} bytes, loses nothing, and goes on when there is room`, async () => {
      const storage = new RocksdbStorage(mounted);
      const space = await storage.open('one');
      const folder = join(mounted, 'one');
      // Fills the disk nearly at once for small values, so that the log is what meets the end of it.
      if (valueBytes < 10_000) writeFileSync(join(mounted, 'ballast'), noise(14_000_000, 3));
      let written = 0;
      const write = (n: number): Promise<void> =>
        space.batch([{ put: key(n), value: noise(valueBytes, n) }]);
      await assert.rejects(
        async () => {
          for (; ; written++) await write(written);
        },
        refusal('STORAGE_FULL', folder),
      );
      assert.ok(written > 5, `${written} writes`);
      assert.throws(() => {
        for (let n = 0; ; n++) writeFileSync(join(mounted, `ballast-${n}`), noise(4_096, n));
      }, /ENOSPC/);
      // Still full: refused again and again, and what is there can be read.
      for (let i = 0; i < 3; i++)
        await assert.rejects(write(written), refusal('STORAGE_FULL', folder));
      assert.deepEqual(await space.get(key(0)), noise(valueBytes, 0));
      assert.equal(await space.get(key(written)), undefined);
      assert.equal(await count(space), written);
      resize('64m');
      await Promise.all([write(written), write(written + 1), write(written + 2)]);
      await space.close();
      const again = await storage.open('one');
      assert.equal(await count(again), written + 3);
      for (let n = 0; n < written + 3; n++)
        assert.deepEqual(await again.get(key(n)), noise(valueBytes, n), `value ${n}`);
      await storage.close();
    });

  it('refuses the whole queue, in order: nothing behind a refused batch is written', async () => {
    const storage = new RocksdbStorage(mounted);
    const space = await storage.open('one');
    const outcomes = await Promise.allSettled(
      Array.from({ length: 40 }, (_, n) =>
        space.batch([{ put: key(n), value: noise(500_000, n) }]),
      ),
    );
    const firstRefused = outcomes.findIndex(({ status }) => status === 'rejected');
    assert.ok(firstRefused > 0);
    assert.ok(outcomes.slice(firstRefused).every(({ status }) => status === 'rejected'));
    resize('64m');
    await space.batch([{ put: Buffer.from('z'), value: Buffer.from('z') }]);
    assert.equal(await count(space), firstRefused + 1);
    await storage.close();
  });

  it('is named when a space is opened on it', async () => {
    writeFileSync(join(mounted, 'ballast'), noise(16 * 1024 * 1024 - 4_096 * 3, 3));
    const storage = new RocksdbStorage(mounted);
    await assert.rejects(storage.open('one'), refusal('STORAGE_FULL', join(mounted, 'one')));
    rmSync(join(mounted, 'ballast'));
    await storage.open('one');
    await storage.close();
  });
});
