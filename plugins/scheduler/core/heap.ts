/** A binary heap whose top may be changed in place: the best candidate, over and over. */
export class Heap<T> {
  /** Takes over `items`. `before` is a strict order: true when a comes before b. */
  constructor(
    private readonly items: T[],
    private readonly before: (a: T, b: T) => boolean,
  ) {
    for (let at = (items.length >>> 1) - 1; at >= 0; at--) this.sink(at, items[at] as T);
  }

  get top(): T | undefined {
    return this.items[0];
  }

  /** Changes the top, if there is one, and keeps it where `change` says so. */
  revise(change: (top: T) => boolean): void {
    const { top } = this;
    if (top === undefined) return;
    if (change(top)) this.topIs(top);
    else this.dropTop();
  }

  /** This one takes the place of the top. */
  topIs(item: T): void {
    this.sink(0, item);
  }

  private dropTop(): void {
    const last = this.items.pop();
    if (last !== undefined && this.items.length > 0) this.topIs(last);
  }

  private sink(from: number, moved: T): void {
    const { items, before } = this;
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
