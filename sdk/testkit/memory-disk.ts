/**
 * A disk in memory that outlives the storages started on it and misbehaves on command: writes that
 * hang, a full or broken device, a crash that loses what was not synced, a flipped bit. Behind the
 * storage-memory plugin and under every test that needs a Storage. Never a place for data to keep.
 */
import type { KeyRange, Operation, Space, Storage } from '../contracts/storage.js';
import { SwarmError } from '../plugin/errors.js';

type Pair = readonly [key: Uint8Array, value: Uint8Array];

interface Write {
  readonly operations: readonly Operation[];
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

/** One life of the storage between `start` and a stop or crash. */
interface Session {
  alive: boolean;
  readonly open: Map<string, MemorySpace>;
}

export class MemoryDisk {
  /** While set, batches are refused with STORAGE_FULL and nothing is written. */
  full = false;
  /** While set, batches are refused with STORAGE_IO and nothing is written. */
  broken = false;
  /** Batches that wait for each other reach the platter one by one, each in its own time. */
  oneByOne = false;
  private held = false;
  private readonly platters = new Map<string, SortedPairs>();
  private session: Session | undefined;

  /** `later`: when a batch reaches the platter. Default: with the next turn of the event loop. */
  constructor(readonly later: (write: () => void) => void = (write) => void setImmediate(write)) {}

  /** A storage on what is there. The one before must have been stopped or crashed. */
  start(): Storage {
    if (this.session?.alive) throw locked('this disk already has a running storage: stop it first');
    const session: Session = { alive: true, open: new Map() };
    this.session = session;
    return {
      open: async (space) => {
        if (!session.alive) throw closed(space);
        if (session.open.has(space))
          throw locked(`space ${space} is already open in this process: close it first`);
        const opened = new MemorySpace(space, this, this.platter(space), () =>
          session.open.delete(space),
        );
        session.open.set(space, opened);
        return opened;
      },
    };
  }

  /** Closes the open spaces and ends the storage, as an orderly process does. */
  async stop(): Promise<void> {
    const session = this.session;
    if (session === undefined) return;
    await Promise.all([...session.open.values()].map((space) => space.close()));
    session.alive = false;
  }

  /**
   * The machine loses power: of the batches that were not yet acknowledged the first `survivors` of
   * each space reached the disk all the same, the rest is lost. None of them ever settles.
   */
  crash(survivors = 0): { readonly survived: number; readonly lost: number } {
    const { session } = this;
    const count = { survived: 0, lost: 0 };
    if (session === undefined) return count;
    session.alive = false;
    for (const space of session.open.values()) {
      const waiting = space.crash(survivors);
      count.survived += Math.min(waiting, survivors);
      count.lost += Math.max(0, waiting - survivors);
    }
    session.open.clear();
    return count;
  }

  /** From now on batches wait, neither written nor refused, until `release`. */
  hold(): void {
    this.held = true;
  }

  release(): void {
    this.held = false;
    for (const space of this.session?.open.values() ?? []) space.flush();
  }

  get holding(): boolean {
    return this.held;
  }

  /** What is on the disk, past every open space. */
  contents(space: string): readonly Pair[] {
    return this.platter(space).pairs;
  }

  /** Changes the disk behind everybody's back: a flipped bit, a lost or a foreign record. */
  tamper(space: string, key: Uint8Array, value: Uint8Array | undefined): void {
    this.platter(space).apply([value === undefined ? { del: key } : { put: key, value }]);
  }

  private platter(space: string): SortedPairs {
    let platter = this.platters.get(space);
    if (platter === undefined) {
      platter = new SortedPairs();
      this.platters.set(space, platter);
    }
    return platter;
  }
}

class MemorySpace implements Space {
  private state: 'open' | 'closed' | 'crashed' = 'open';
  private waiting: Write[] = [];
  private flushing = false;
  private closing: Promise<void> | undefined;
  private idle: (() => void) | undefined;

  constructor(
    private readonly name: string,
    private readonly disk: MemoryDisk,
    private readonly platter: SortedPairs,
    private readonly released: () => void,
  ) {}

  async get(key: Uint8Array): Promise<Uint8Array | undefined> {
    this.check();
    const value = this.platter.get(key);
    return value === undefined ? undefined : copyOf(value);
  }

  async batch(operations: readonly Operation[]): Promise<void> {
    this.check();
    const copied = operations.map(copy);
    await new Promise<void>((resolve, reject) => {
      this.waiting.push({ operations: copied, resolve, reject });
      this.flush();
    });
  }

  async *scan(range: KeyRange = {}): AsyncGenerator<Pair> {
    this.check();
    for (const [key, value] of this.platter.select(range)) {
      this.check();
      yield [copyOf(key), copyOf(value)];
    }
  }

  close(): Promise<void> {
    this.closing ??= this.finish();
    return this.closing;
  }

  /** Writes what waits, one macrotask later, so that batches really are in flight for a while. */
  flush(): void {
    if (this.flushing || this.disk.holding || this.waiting.length === 0) return;
    this.flushing = true;
    this.disk.later(() => {
      this.flushing = false;
      if (this.disk.holding || this.state === 'crashed') return;
      const writes = this.waiting.splice(0, this.disk.oneByOne ? 1 : this.waiting.length);
      const refusal = this.disk.full ? full() : this.disk.broken ? broken() : undefined;
      for (const write of writes) {
        if (refusal !== undefined) {
          write.reject(refusal);
          continue;
        }
        this.platter.apply(write.operations);
        write.resolve();
      }
      // What came while it was being written begins now.
      if (this.waiting.length > 0) this.flush();
      else this.idle?.();
    });
  }

  /** Answers how many batches were on their way. */
  crash(survivors: number): number {
    const { waiting } = this;
    this.state = 'crashed';
    for (const write of waiting.slice(0, survivors)) this.platter.apply(write.operations);
    this.waiting = [];
    return waiting.length;
  }

  private async finish(): Promise<void> {
    this.state = 'closed';
    if (this.waiting.length > 0)
      await new Promise<void>((resolve) => {
        this.idle = resolve;
      });
    this.released();
  }

  private check(): void {
    if (this.state !== 'open') throw closed(this.name);
  }
}

/** A sorted array that is copied on the first write after somebody began to look at it. */
class SortedPairs {
  private sorted: Pair[] = [];
  private shared = false;

  get pairs(): readonly Pair[] {
    this.shared = true;
    return this.sorted;
  }

  get(key: Uint8Array): Uint8Array | undefined {
    const pair = this.sorted[this.lowerBound(key)];
    return pair !== undefined && compare(pair[0], key) === 0 ? pair[1] : undefined;
  }

  apply(operations: readonly Operation[]): void {
    if (this.shared) {
      this.sorted = this.sorted.slice();
      this.shared = false;
    }
    for (const operation of operations) {
      const key = 'put' in operation ? operation.put : operation.del;
      const at = this.lowerBound(key);
      const found = at < this.sorted.length && compare((this.sorted[at] as Pair)[0], key) === 0;
      if ('put' in operation) this.sorted.splice(at, found ? 1 : 0, [key, operation.value]);
      else if (found) this.sorted.splice(at, 1);
    }
  }

  /** The pairs of the range as they are now, in the order asked for. */
  *select(range: KeyRange): Generator<Pair> {
    const pairs = this.pairs;
    const from = range.gte === undefined ? 0 : this.lowerBound(range.gte);
    const to = range.lt === undefined ? pairs.length : this.lowerBound(range.lt);
    const count = Math.min(Math.max(0, to - from), range.limit ?? Number.POSITIVE_INFINITY);
    for (let i = 0; i < count; i++) yield pairs[range.reverse ? to - 1 - i : from + i] as Pair;
  }

  private lowerBound(key: Uint8Array): number {
    let low = 0;
    let high = this.sorted.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (compare((this.sorted[middle] as Pair)[0], key) < 0) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

function compare(a: Uint8Array, b: Uint8Array): number {
  const length = Math.min(a.length, b.length);
  for (let i = 0; i < length; i++) {
    const difference = (a[i] as number) - (b[i] as number);
    if (difference !== 0) return difference;
  }
  return a.length - b.length;
}

const copy = (operation: Operation): Operation =>
  'put' in operation
    ? { put: copyOf(operation.put), value: copyOf(operation.value) }
    : { del: copyOf(operation.del) };

/** Not `slice`: a Buffer's slice is a view. */
const copyOf = (bytes: Uint8Array): Uint8Array => new Uint8Array(bytes);

const locked = (message: string): SwarmError =>
  new SwarmError('failed-precondition', 'STORAGE_LOCKED', message);

const closed = (space: string): SwarmError =>
  new SwarmError(
    'failed-precondition',
    'STORAGE_CLOSED',
    `space ${space} is closed: open it again`,
  );

const full = (): SwarmError =>
  new SwarmError('resource-exhausted', 'STORAGE_FULL', 'the disk in memory is full: make room');

const broken = (): SwarmError =>
  new SwarmError('unavailable', 'STORAGE_IO', 'the disk in memory does not take writes');
