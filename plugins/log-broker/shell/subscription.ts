import { SwarmError } from '@swarmkit/sdk/plugin/errors';
import type {
  LogMessage,
  LogSelector,
  LogSubscriptionOptions,
  SubscribeLogsMessage,
  SubscriptionMessage,
} from '@swarmkit/sdk/wire/gen/swarmkit/logbroker';

/**
 * One reader, and the nodes it waits for. Nothing is kept here: a publisher is read from only as fast as
 * the reader takes, so a slow reader slows its publishers and nobody else.
 */
export class Subscription {
  /** Nodes that were told of it, and whether they are done. */
  private readonly nodes = new Map<string, 'asked' | 'done'>();
  private readonly problems = new Set<string>();
  private turn: Promise<unknown> = Promise.resolve();
  private settle: () => void = () => undefined;
  /** Resolves when every node is done; never for one that follows. */
  readonly finished = new Promise<void>((resolve) => {
    this.settle = resolve;
  });

  constructor(
    readonly id: string,
    readonly selector: LogSelector,
    readonly options: LogSubscriptionOptions,
    private readonly send: (message: SubscribeLogsMessage) => Promise<void>,
  ) {}

  get follows(): boolean {
    return this.options.follow;
  }

  get askedNodes(): readonly string[] {
    return [...this.nodes.keys()];
  }

  message(close: boolean): SubscriptionMessage {
    return { id: this.id, selector: this.selector, options: this.options, close };
  }

  /** True when the node was not asked before. */
  ask(nodeId: string): boolean {
    if (this.nodes.has(nodeId)) return false;
    this.nodes.set(nodeId, 'asked');
    return true;
  }

  hasAsked(nodeId: string): boolean {
    return this.nodes.has(nodeId);
  }

  /** A node that comes back to a reader that follows goes on publishing. */
  waitsFor(nodeId: string): boolean {
    return this.follows ? this.nodes.has(nodeId) : this.nodes.get(nodeId) === 'asked';
  }

  done(nodeId: string, problem?: string): void {
    if (this.nodes.get(nodeId) === 'done') return;
    this.nodes.set(nodeId, 'done');
    if (problem !== undefined) this.problems.add(problem);
    this.settleWhenDone();
  }

  complain(problem: string): void {
    this.problems.add(problem);
  }

  /** To be called when everybody who is to be asked was asked. */
  settleWhenDone(): void {
    if (!this.follows && [...this.nodes.values()].every((state) => state === 'done')) this.settle();
  }

  /** Resolves when the reader has room for more; messages of all publishers go one after the other. */
  publish(messages: readonly LogMessage[]): Promise<void> {
    const sent = this.turn.then(() => this.send({ messages }));
    this.turn = sent.catch(() => undefined);
    return sent;
  }

  /** Why what was sent is not all; undefined when it is. */
  shortfall(): SwarmError | undefined {
    if (this.problems.size === 0) return undefined;
    return new SwarmError(
      'unknown',
      'BROKER_INCOMPLETE',
      `warning: incomplete log stream. some logs could not be retrieved for the following reasons: ${[...this.problems].join(', ')}`,
    );
  }
}
