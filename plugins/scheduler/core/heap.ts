/** A binary heap whose top may be changed in place: the best candidate, over and over. */
export class Heap<T> {
  /** Takes over `items`. `before` is a strict order: true when a comes before b. */
  constructor(
    private readonly items: T[],
    private readonly before: (a: T, b: T) => boolean,
  ) {
    for (let at = (items.length >>> 1) - 1; at >= 0; at--) this.sink(at);
  }

  get top(): T | undefined {
    return this.items[0];
  }

  /** The top got worse: moves it to where it now belongs. */
  topChanged(): void {
    this.sink(0);
  }

  dropTop(): void {
    const last = this.items.pop();
    if (last === undefined || this.items.length === 0) return;
    this.items[0] = last;
    this.sink(0);
  }

  private sink(from: number): void {
    const { items, before } = this;
    const moved = items[from];
    if (moved === undefined) return;
    let at = from;
    for (;;) {
      const left = 2 * at + 1;
      const leftItem = items[left];
      if (leftItem === undefined) break;
      const rightItem = items[left + 1];
      const right = rightItem !== undefined && before(rightItem, leftItem);
      const child = right ? left + 1 : left;
      const childItem = right ? rightItem : leftItem;
      if (!before(childItem, moved)) break;
      items[at] = childItem;
      at = child;
    }
    items[at] = moved;
  }
}
