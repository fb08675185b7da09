import type { NodeIdentity } from '@swarmkit/sdk/contracts/identity';
import type { RpcClient } from '@swarmkit/sdk/contracts/rpc';
import { wireEqual } from '@swarmkit/sdk/model/wire-equal';
import { delay, type Env } from '@swarmkit/sdk/plugin/env';
import { messageOf, SwarmError } from '@swarmkit/sdk/plugin/errors';
import type { Logger } from '@swarmkit/sdk/plugin/plugin';
import type { SessionMessage } from '@swarmkit/sdk/wire/gen/swarmkit/dispatcher';
import type { NodeDescription, Peer, WeightedPeer } from '@swarmkit/sdk/wire/gen/swarmkit/types';
import { nextBackoffMs, waitMs } from '../core/backoff.js';
import {
  callable,
  chooseManager,
  type KnownManager,
  listed,
  observe,
  relist,
  sessionClosed,
} from '../core/manager-choice.js';
import type { LogPublisher } from './log-publisher.js';
import type { Reporter } from './reporter.js';
import type { NodeNews } from './node-news.js';
import { runSession } from './session.js';
import type { TaskDatabase } from './task-database.js';
import { Wakeup } from './wakeup.js';
import type { Worker } from './worker.js';

/**
 * Keeps this node in a session: chooses a manager, and after every end waits a while and begins again
 * with the old session's id. A description that changes is announced by a new session too.
 */

export interface SessionLoopParts {
  readonly env: Env;
  readonly log: Logger;
  readonly identity: NodeIdentity;
  readonly client: RpcClient;
  readonly database: TaskDatabase;
  readonly reporter: Reporter;
  readonly worker: Worker;
  readonly news: NodeNews;
  readonly logs: LogPublisher | undefined;
  /** `unix:/path`; this node's own manager, when it is one. */
  readonly controlSocket: string | undefined;
  readonly managers: readonly string[];
  describe(): Promise<NodeDescription>;
}

const describeEveryMs = 20_000;

export class SessionLoop {
  private managers: readonly KnownManager[] = [];
  private backoffMs = 0;
  private registeredAt: number | undefined;
  private sessionId = '';
  private complaint = '';
  /** The last try over the control socket came to nothing: this node's manager does not run, or not yet. */
  private isSocketDead = false;
  private readonly look: Wakeup;

  constructor(private readonly parts: SessionLoopParts) {
    this.look = new Wakeup(parts.env.clock);
  }

  /** Looks now whether the description has changed. */
  lookAgain(): void {
    this.look.wake();
  }

  /** Until `stop` aborts. */
  async run(stop: AbortSignal): Promise<void> {
    const { env, log } = this.parts;
    await this.recallManagers();
    while (!stop.aborted) {
      let address: string | undefined;
      this.registeredAt = undefined;
      try {
        address = this.chooseAddress();
        await this.session(address, stop);
      } catch (error) {
        if (stop.aborted) return;
        this.isSocketDead = address === this.parts.controlSocket && this.registeredAt === undefined;
        if (address !== undefined) this.managers = observe(this.managers, address, sessionClosed);
        const now = env.clock.monotonic();
        const lastedMs = now - (this.registeredAt ?? now);
        // The same complaint is made again only when all was well in between.
        if (messageOf(error) !== this.complaint || lastedMs > this.backoffMs)
          log.warn(
            { err: error, manager: address },
            `no session with a manager: ${messageOf(error)}`,
          );
        this.complaint = messageOf(error);
        this.backoffMs = nextBackoffMs(this.backoffMs, lastedMs);
        await delay(env.clock, waitMs(this.backoffMs, env.random.next()), stop);
      }
    }
  }

  private async session(address: string, stop: AbortSignal): Promise<void> {
    const { env, client, reporter, worker, log } = this.parts;
    const description = await this.parts.describe();
    const connection = client.connect(address);
    const over = new AbortController();
    const { signal } = over;
    const end = (): void => over.abort();
    // Not a combined signal: Node 20 would keep a trace of each session with `stop`.
    stop.addEventListener('abort', end, { once: true });
    if (stop.aborted) end();
    const watching = this.watchDescription(description, signal).then(end);
    try {
      await runSession(
        {
          clock: env.clock,
          connection,
          reporter,
          logs: this.parts.logs,
          description,
          sessionId: this.sessionId,
          onRegistered: (sessionId) => {
            this.sessionId = sessionId;
            this.registeredAt = env.clock.monotonic();
            log.info({ manager: address, session: sessionId }, 'in session with a manager');
            worker.reportAll();
          },
          onMessage: (message) => this.onMessage(message, address),
          onAssignments: (plan) => worker.apply(plan),
        },
        signal,
      );
    } finally {
      stop.removeEventListener('abort', end);
      end();
      connection.close();
      await watching;
    }
  }

  private chooseAddress(): string {
    const { identity, controlSocket, env } = this.parts;
    const own = identity.current().role === 'manager' ? controlSocket : undefined;
    if (own !== undefined && !this.isSocketDead) return own;
    const chosen = chooseManager(this.managers, env.random.next())?.address ?? own;
    if (chosen !== undefined) return chosen;
    throw new SwarmError(
      'unavailable',
      'AGENT_NO_MANAGER',
      'no manager is known: name the address of one',
    );
  }

  private onMessage(message: SessionMessage, via: string): void {
    const before = this.managers;
    this.managers = relist(before, callable(peersOf(message.managers), via));
    if (!sameManagers(before, this.managers))
      this.parts.database.saveManagers(
        this.managers.map(({ nodeId, address }) => ({
          peer: { nodeId, addr: address },
          weight: BigInt(listed),
        })),
      );
    this.parts.news.take(message);
    this.tellManagers();
  }

  /** Those of the last session; the configured ones as long as there was none. */
  private async recallManagers(): Promise<void> {
    const stored = callable(peersOf(await this.parts.database.managers()), '');
    const configured = this.parts.managers.map((address) => ({ nodeId: '', address }));
    this.managers = relist([], [...stored, ...configured]);
    this.tellManagers();
  }

  private tellManagers(): void {
    this.parts.news.managers(this.managers.map(({ nodeId, address }) => ({ nodeId, address })));
  }

  /** Resolves when the description or the role is another one, or on abort. */
  private async watchDescription(sent: NodeDescription, signal: AbortSignal): Promise<void> {
    const { role } = this.parts.identity.current();
    signal.addEventListener('abort', () => this.look.wake(), { once: true });
    while (!signal.aborted) {
      await this.look.wait(describeEveryMs);
      if (signal.aborted || this.parts.identity.current().role !== role) return;
      const now = await this.parts.describe().catch(() => sent);
      if (!wireEqual(now, sent)) return;
    }
  }
}

const peersOf = (managers: readonly WeightedPeer[]): readonly Peer[] =>
  managers.flatMap(({ peer }) => peer ?? []);

const sameManagers = (a: readonly KnownManager[], b: readonly KnownManager[]): boolean =>
  a.length === b.length &&
  a.every((one, i) => one.nodeId === b[i]?.nodeId && one.address === b[i]?.address);
