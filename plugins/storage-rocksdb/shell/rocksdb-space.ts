/**
 * One space: one RocksDB database in one folder.
 *
 * After a write that failed, RocksDB takes further writes and syncs them behind the torn record in its
 * log, where a restart does not look for them (seen with 6.17 on a full disk: acknowledged, then gone).
 * So a failed write makes the database unfit for writing until it was closed and opened again.
 */
import type { KeyRange, Operation, Space } from '@swarmkit/sdk/contracts/storage';
import { type Change, Engine } from './engine.js';
import { GroupCommit } from './group-commit.js';
import { checkLogs, cutRefusedWrite } from './log-check.js';
import {
  decodeKey,
  decodeValue,
  encodeKey,
  encodeRange,
  encodeValue,
  FORMAT_KEY,
} from './record.js';
import { closed, corrupt, type Place, storageError } from './rocksdb-error.js';
import { checkRoom, removeProbe } from './room.js';

const FORMAT = Buffer.from('1');

export class RocksdbSpace implements Space {
  /** Undefined while it is reopened, and after a reopening that failed. */
  private engine: Engine | undefined;
  private fitForWriting = true;
  private reopening: Promise<Engine> | undefined;
  private closing: Promise<void> | undefined;
  private readonly commits = new GroupCommit((changes) => this.write(changes));

  private constructor(
    private readonly place: Place,
    engine: Engine,
    private readonly released: () => void,
  ) {
    this.engine = engine;
  }

  static async open(place: Place, released: () => void): Promise<RocksdbSpace> {
    return new RocksdbSpace(place, await openEngine(place), released);
  }

  get location(): string {
    return this.place.folder;
  }

  async get(key: Uint8Array): Promise<Uint8Array | undefined> {
    const engine = await this.readable();
    const encoded = encodeKey(key);
    const value = await engine.get(encoded).catch((error: unknown) => this.refuse(error));
    return value === undefined ? undefined : this.verified(encoded, value);
  }

  async batch(operations: readonly Operation[]): Promise<void> {
    if (this.closing !== undefined) throw closed(this.place);
    if (operations.length === 0) return;
    let bytes = 0;
    // Copied here: the caller may reuse its buffers as soon as this call returns.
    const changes = operations.map((operation): Change => {
      if ('del' in operation) return { type: 'del', key: encodeKey(operation.del) };
      const key = encodeKey(operation.put);
      bytes += key.length + operation.value.length;
      return { type: 'put', key, value: encodeValue(key, operation.value) };
    });
    await this.commits.add(changes, bytes);
  }

  async *scan(range: KeyRange = {}): AsyncGenerator<readonly [Uint8Array, Uint8Array]> {
    const engine = await this.readable();
    if (range.limit === 0) return;
    const iterator = engine.iterate(encodeRange(range));
    try {
      for (;;) {
        const chunk = await iterator.next().catch((error: unknown) => this.refuse(error));
        if (chunk.length === 0) return;
        for (const [key, value] of chunk) yield [decodeKey(key), this.verified(key, value)];
      }
    } finally {
      await iterator.end();
    }
  }

  close(): Promise<void> {
    this.closing ??= this.finish();
    return this.closing;
  }

  private async write(changes: readonly Change[]): Promise<void> {
    try {
      const engine = this.fitForWriting ? await this.readable(true) : await this.recover();
      await engine.write(changes);
    } catch (error) {
      this.fitForWriting = false;
      throw storageError(error, this.place);
    }
  }

  /** Closes and reopens, but not before there is room to: until then the old database can be read. */
  private async recover(): Promise<Engine> {
    if (this.engine !== undefined) {
      await checkRoom(this.place.folder);
      const unfit = this.engine;
      this.engine = undefined;
      this.reopening = this.closeEngine(unfit).then(() => openEngine(this.place));
    }
    const engine = await this.readable(true);
    this.fitForWriting = true;
    return engine;
  }

  private async readable(evenWhenClosing = false): Promise<Engine> {
    if (this.closing !== undefined && !evenWhenClosing) throw closed(this.place);
    if (this.engine !== undefined) return this.engine;
    this.reopening ??= openEngine(this.place);
    try {
      this.engine = await this.reopening;
      return this.engine;
    } finally {
      this.reopening = undefined;
    }
  }

  private async finish(): Promise<void> {
    try {
      await this.commits.idle();
      await this.reopening?.catch(() => {});
      if (this.engine !== undefined) await this.closeEngine(this.engine);
    } catch (error) {
      throw storageError(error, this.place);
    } finally {
      this.released();
    }
  }

  private async closeEngine(engine: Engine): Promise<void> {
    await engine.close();
    if (!this.fitForWriting) await cutRefusedWrite(this.place);
  }

  private verified(encodedKey: Buffer, encoded: Buffer): Buffer {
    const value = decodeValue(encodedKey, encoded);
    if (value === undefined)
      throw corrupt(
        this.place,
        `checksum mismatch at key ${decodeKey(encodedKey).toString('hex')}`,
      );
    return value;
  }

  private refuse(error: unknown): never {
    throw this.closing === undefined ? storageError(error, this.place) : closed(this.place);
  }
}

async function openEngine(place: Place): Promise<Engine> {
  try {
    await removeProbe(place.folder);
    await checkLogs(place);
    const engine = await Engine.open(place.folder);
    try {
      const format = await engine.get(FORMAT_KEY);
      if (format === undefined)
        await engine.write([{ type: 'put', key: FORMAT_KEY, value: FORMAT }]);
      else if (!format.equals(FORMAT)) throw corrupt(place, `unknown format ${format.toString()}`);
    } catch (error) {
      await engine.close();
      throw error;
    }
    return engine;
  } catch (error) {
    throw storageError(error, place);
  }
}
