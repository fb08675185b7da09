/**
 * Who is due when, for many keys of which most are put off again and again before they are due: a
 * heartbeat only moves a number, and the order is mended when an old place comes up. One timer, armed
 * for `nextAt`, serves all. Instants of one clock, ms.
 */
export class Deadlines {
  private readonly entries = new Map<string, Entry>();
  /** A binary heap by `at`. A place that is no longer its entry's is skipped when it comes up. */
  private readonly heap: Place[] = [];

  get size(): number {
    return this.entries.size;
  }

  set(key: string, dueAt: number): void {
    let entry = this.entries.get(key);
    if (entry === undefined) {
      entry = { key, dueAt, placedAt: Number.POSITIVE_INFINITY };
      this.entries.set(key, entry);
    }
    entry.dueAt = dueAt;
    if (dueAt < entry.placedAt) this.place(entry);
  }

  delete(key: string): void {
    const entry = this.entries.get(key);
    if (entry === undefined) return;
    entry.placedAt = Number.NaN;
    this.entries.delete(key);
  }

  /** When to call `take` next; nobody is due earlier. Undefined when nobody is waited for. */
  nextAt(): number | undefined {
    return this.heap[0]?.at;
  }

  /** Takes out those who are due. */
  take(now: number): readonly string[] {
    const due: string[] = [];
    for (let top = this.heap[0]; top !== undefined && top.at <= now; top = this.heap[0]) {
      this.pop();
      const { entry } = top;
      if (entry.placedAt !== top.at) continue;
      if (entry.dueAt > now) {
        this.place(entry);
        continue;
      }
      this.delete(entry.key);
      due.push(entry.key);
    }
    return due;
  }

  private place(entry: Entry): void {
    entry.placedAt = entry.dueAt;
    const { heap } = this;
    const place = { at: entry.dueAt, entry };
    let child = heap.length;
    while (child > 0) {
      const parent = (child - 1) >>> 1;
      const above = heap[parent] as Place;
      if (above.at <= place.at) break;
      heap[child] = above;
      child = parent;
    }
    heap[child] = place;
  }

  private pop(): void {
    const { heap } = this;
    const last = heap.pop() as Place;
    if (heap.length === 0) return;
    let parent = 0;
    for (;;) {
      let child = 2 * parent + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && (heap[child + 1] as Place).at < (heap[child] as Place).at)
        child++;
      if ((heap[child] as Place).at >= last.at) break;
      heap[parent] = heap[child] as Place;
      parent = child;
    }
    heap[parent] = last;
  }
}

interface Entry {
  readonly key: string;
  dueAt: number;
  /** Of its valid place in the heap. */
  placedAt: number;
}

interface Place {
  readonly at: number;
  readonly entry: Entry;
}
