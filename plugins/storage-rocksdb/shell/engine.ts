/**
 * The `rocksdb` binding (callbacks, RocksDB 6.17) as promises, and nothing more: no policy, no
 * translation of errors. Every iterator is ended before the database is closed, because the binding
 * never answers an `end` that comes later.
 */
import rocksdb from 'rocksdb';

export type Put = { readonly type: 'put'; readonly key: Buffer; readonly value: Buffer };
export type Change = Put | { readonly type: 'del'; readonly key: Buffer };

export interface IteratorRange {
  readonly gte: Buffer;
  readonly lt: Buffer;
  readonly reverse: boolean;
  /** -1: all. */
  readonly limit: number;
}

type Callback<T = void> = (error: Error | null | undefined, result?: T) => void;

interface NativeIterator {
  next(callback: (error: Error | null | undefined, key?: Buffer, value?: Buffer) => void): void;
  end(callback: Callback): void;
}

/** What is used of the binding. Its published types lack getMany and half of the options. */
interface NativeDatabase {
  open(options: object, callback: Callback): void;
  close(callback: Callback): void;
  getMany(keys: Buffer[], callback: Callback<(Buffer | undefined)[]>): void;
  batch(changes: readonly Change[], options: { sync: boolean }, callback: Callback): void;
  iterator(options: object): NativeIterator;
}

const Database = rocksdb as unknown as new (folder: string) => NativeDatabase;

const OPTIONS = {
  createIfMissing: true,
  errorIfExists: false,
  // Bounds the memory of a space and the time of a restart (the log is at most a little larger).
  writeBufferSize: 8 * 1024 * 1024,
  cacheSize: 4 * 1024 * 1024,
};

/** Pairs and bytes that a scan takes from the engine at a time. */
const CHUNK_PAIRS = 256;
const CHUNK_BYTES = 256 * 1024;

const promised = <T>(call: (callback: Callback<T>) => void): Promise<T> =>
  new Promise((resolve, reject) =>
    call((error, result) => (error ? reject(error) : resolve(result as T))),
  );

export class Engine {
  private readonly iterators = new Set<EngineIterator>();

  private constructor(private readonly database: NativeDatabase) {}

  static async open(folder: string): Promise<Engine> {
    const database = new Database(folder);
    await promised<void>((done) => database.open({ ...OPTIONS }, done));
    return new Engine(database);
  }

  async get(key: Buffer): Promise<Buffer | undefined> {
    const [value] = await promised<(Buffer | undefined)[]>((done) =>
      this.database.getMany([key], done),
    );
    return value;
  }

  /** Atomic; resolves after fsync. */
  write(changes: readonly Change[]): Promise<void> {
    return promised((done) => this.database.batch(changes, { sync: true }, done));
  }

  /** Sees the state of this moment until it is ended. */
  iterate(range: IteratorRange): EngineIterator {
    const native = this.database.iterator({ ...range, highWaterMark: CHUNK_BYTES });
    const iterator = new EngineIterator(native, () => this.iterators.delete(iterator));
    this.iterators.add(iterator);
    return iterator;
  }

  async close(): Promise<void> {
    await Promise.all([...this.iterators].map((iterator) => iterator.end()));
    await promised<void>((done) => this.database.close(done));
  }
}

export class EngineIterator {
  private ended: Promise<void> | undefined;

  constructor(
    private readonly native: NativeIterator,
    private readonly released: () => void,
  ) {}

  /** The next pairs, none at the end. Not called again before it has resolved. */
  next(): Promise<(readonly [Buffer, Buffer])[]> {
    return new Promise((resolve, reject) => {
      const chunk: (readonly [Buffer, Buffer])[] = [];
      let size = 0;
      const step = (): void => {
        this.native.next((error, key, value) => {
          if (error) return reject(error);
          if (key === undefined || value === undefined) return resolve(chunk);
          size += key.length + value.length;
          if (chunk.push([key, value]) >= CHUNK_PAIRS || size >= CHUNK_BYTES) return resolve(chunk);
          step();
        });
      };
      step();
    });
  }

  end(): Promise<void> {
    this.ended ??= promised<void>((done) => this.native.end(done)).finally(this.released);
    return this.ended;
  }
}
