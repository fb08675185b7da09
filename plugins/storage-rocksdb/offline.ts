/** The storage of a node that does not run, for the tools of operators. The plugin itself is `plugin.ts`. */
export { RocksdbStorage } from './shell/rocksdb-storage.js';
