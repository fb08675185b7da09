/**
 * One open stream to an agent, from the side that writes it: "there is something new, look again" for
 * one waiting writer. Raising it twice before the writer comes back is raising it once, so a slow agent
 * costs a set of ids and its own delay. It ends by its call, or by `end` while the agent reads nothing.
 */
export class NodeStream {
  /** Ids that changed since the last message; bounded by the number of the node's tasks and volumes. */
  private tasks = new Set<string>();
  private volumes = new Set<string>();
  private isRaised = false;
  private isOver = false;
  private ended = false;
  private wake: (() => void) | undefined;

  constructor(call: AbortSignal) {
    if (call.aborted) this.isOver = true;
    else call.addEventListener('abort', () => this.close(), { once: true });
  }

  /** Whether it was ended here, and not by its call. */
  get wasEnded(): boolean {
    return this.ended;
  }

  raise(): void {
    this.isRaised = true;
    this.wake?.();
  }

  touch(kind: 'task' | 'volume', id: string): void {
    (kind === 'task' ? this.tasks : this.volumes).add(id);
  }

  /** What was touched since the last time. */
  take(): { readonly tasks: ReadonlySet<string>; readonly volumes: ReadonlySet<string> } {
    const taken = { tasks: this.tasks, volumes: this.volumes };
    this.tasks = new Set();
    this.volumes = new Set();
    return taken;
  }

  end(): void {
    this.ended = true;
    this.close();
  }

  /** Resolves true when raised, false when the stream is over. */
  async raised(): Promise<boolean> {
    if (!this.isRaised && !this.isOver)
      await new Promise<void>((resolve) => {
        this.wake = resolve;
      });
    this.wake = undefined;
    if (this.isOver) return false;
    this.isRaised = false;
    return true;
  }

  /** Waits until the agent took so much that it may be sent more. False when the stream is over before. */
  async sent(sending: Promise<unknown>): Promise<boolean> {
    await new Promise<void>((resolve, reject) => {
      this.cut = resolve;
      sending.then(() => resolve(), reject);
    });
    this.cut = undefined;
    return !this.isOver;
  }
  private cut: (() => void) | undefined;

  private close(): void {
    this.isOver = true;
    this.wake?.();
    this.cut?.();
  }
}
