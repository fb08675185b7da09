/**
 * The appends that are out to one member: a ring of the last index and the bytes of each. Grows to
 * what is used, never beyond the window. One append always goes, however large.
 */
export class Inflight {
  count = 0;
  bytes = 0;
  private lasts: bigint[] = [];
  private sizes: number[] = [];
  private head = 0;

  constructor(
    private readonly window: number,
    private readonly windowBytes: number,
  ) {}

  get full(): boolean {
    return this.count >= this.window || this.bytes >= this.windowBytes;
  }

  add(last: bigint, bytes: number): void {
    if (this.count === this.lasts.length) this.grow();
    const at = (this.head + this.count) % this.lasts.length;
    this.lasts[at] = last;
    this.sizes[at] = bytes;
    this.count++;
    this.bytes += bytes;
  }

  /** The member has everything up to `index`. */
  freeTo(index: bigint): void {
    while (this.count > 0 && (this.lasts[this.head] as bigint) <= index) {
      this.bytes -= this.sizes[this.head] as number;
      this.head = (this.head + 1) % this.lasts.length;
      this.count--;
    }
  }

  clear(): void {
    this.count = 0;
    this.bytes = 0;
    this.head = 0;
  }

  private grow(): void {
    const { lasts, sizes, head, count } = this;
    const room = Math.max(4, count * 2);
    this.lasts = new Array<bigint>(room).fill(0n);
    this.sizes = new Array<number>(room).fill(0);
    for (let i = 0; i < count; i++) {
      this.lasts[i] = lasts[(head + i) % count] as bigint;
      this.sizes[i] = sizes[(head + i) % count] as number;
    }
    this.head = 0;
  }
}
