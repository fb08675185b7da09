/** Child process of the crash test: writes batches and prints the number of each one acknowledged. */
import { writeSync } from 'node:fs';
import { RocksdbStorage } from '../shell/rocksdb-storage.js';

const [dir, from] = process.argv.slice(2);
const storage = new RocksdbStorage(dir as string);
const space = await storage.open('crash');

const key = (name: string, n: number): Buffer =>
  Buffer.from(`${name}${String(n).padStart(8, '0')}`);

for (let n = Number(from); ; n += 8)
  await Promise.all(
    Array.from({ length: 8 }, async (_, i) => {
      const number = n + i;
      const value = Buffer.alloc(700, number % 251);
      // Two keys, so that half of a batch would be seen.
      await space.batch([
        { put: key('a', number), value },
        { put: key('b', number), value },
      ]);
      writeSync(1, `${number}\n`);
    }),
  );
