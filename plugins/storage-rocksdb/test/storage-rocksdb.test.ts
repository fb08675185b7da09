import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { storageConformance } from '@swarmkit/sdk/testkit/storage-conformance';
import { RocksdbStorage } from '../shell/rocksdb-storage.js';

storageConformance('storage-rocksdb', async () => {
  const dir = await mkdtemp(join(tmpdir(), 'storage-rocksdb-'));
  let storage = new RocksdbStorage(dir);
  return {
    start: async () => {
      storage = new RocksdbStorage(dir);
      return storage;
    },
    stop: () => storage.close(),
    dispose: () => rm(dir, { recursive: true }),
  };
});
