import { Storage } from '@swarmkit/sdk/contracts/storage';
import { definePlugin } from '@swarmkit/sdk/plugin/plugin';
import { RocksdbStorage } from './shell/rocksdb-storage.js';

export interface StorageRocksdbConfig {
  /** Folder that holds one database a space. Made when it is not there. */
  readonly dir: string;
}

const storages = new WeakMap<object, RocksdbStorage>();

export const storageRocksdb = definePlugin<StorageRocksdbConfig>({
  id: 'storage-rocksdb',
  version: '0.1.0',
  scope: 'node',
  provides: [Storage],
  config: {
    type: 'object',
    properties: { dir: { type: 'string', minLength: 1 } },
    required: ['dir'],
  },
  register(ctx) {
    const storage = new RocksdbStorage(ctx.config.dir);
    storages.set(ctx, storage);
    ctx.provide(Storage, storage);
  },
  // Their users closed the spaces; what one of them left open is closed here, after the last batch.
  async stop(ctx) {
    await storages.get(ctx)?.close();
  },
});

export default storageRocksdb;
