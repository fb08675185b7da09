/**
 * Memory that lines may take while they wait for the disk: bounded for each task and for all together,
 * so that one dead disk costs lines and never the node.
 */
export class LogBudget {
  private used = 0;

  constructor(
    private readonly total: number,
    private readonly perTask: number,
  ) {}

  /** False when there is no room; nothing is taken then. `waiting` is what the task holds already. */
  take(bytes: number, waiting: number): boolean {
    if (this.used + bytes > this.total || waiting + bytes > this.perTask) return false;
    this.used += bytes;
    return true;
  }

  give(bytes: number): void {
    this.used -= bytes;
  }
}
