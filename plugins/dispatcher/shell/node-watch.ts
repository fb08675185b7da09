import { setMaxListeners } from 'node:events';
import { type Cancel, delay, type Env } from '@swarmkit/sdk/plugin/env';
import { isSwarmError } from '@swarmkit/sdk/plugin/errors';
import type { Logger } from '@swarmkit/sdk/plugin/plugin';
import { gracePeriods, unknownGracePeriods } from '../core/liveness.js';
import type { NodeRecords } from './node-records.js';
import type { NodeSession } from './node-session.js';
import type { Sessions } from './sessions.js';

/**
 * Notices who falls silent, and what becomes of a node's tasks when it stays away. A write that fails is
 * tried again until it succeeds, the node is back, or this manager no longer leads.
 */

export interface NodeWatchOptions {
  readonly env: Env;
  readonly log: Logger;
  readonly sessions: Sessions;
  readonly records: NodeRecords;
  /** The configured heartbeat period now, ms. */
  periodMs(): number;
  run(where: string, work: () => Promise<void>): void;
}

const retryMs = 1_000;

export class NodeWatch {
  private readonly stopping = new AbortController();
  private orphanTimer: Cancel | undefined;

  constructor(private readonly options: NodeWatchOptions) {
    // As many may wait to try again as there are nodes.
    setMaxListeners(0, this.stopping.signal);
  }

  /** A new leader has heard of nobody: everyone is UNKNOWN, and has twice the usual time to come. */
  start(): void {
    const { sessions, records, periodMs } = this.options;
    this.write('unknown nodes', async () => {
      for (const id of await records.unknown((nodeId) => sessions.has(nodeId)))
        if (!sessions.has(id)) {
          const node = sessions.track(id);
          node.expect(unknownGracePeriods * periodMs(), () =>
            this.silent(node, 'heartbeat failure for node in "unknown" state'),
          );
        }
      await this.orphan();
    });
  }

  stop(): void {
    this.stopping.abort();
    this.orphanTimer?.();
  }

  /** The node's next heartbeat is due in `periodMs`. */
  expectBeat(node: NodeSession, periodMs: number): void {
    node.expect(gracePeriods * periodMs, () => this.silent(node, 'heartbeat failure'));
  }

  private silent({ nodeId }: NodeSession, message: string): void {
    if (this.stopping.signal.aborted) return;
    const { log, sessions, records } = this.options;
    log.warn({ node: nodeId }, message);
    sessions.drop(nodeId);
    this.write('node down', async () => {
      if (sessions.has(nodeId)) return;
      await records.down(nodeId, message);
      await this.orphan();
    });
  }

  /** Gives up the tasks of nodes that were away too long, and looks again when the next one is due. */
  private async orphan(): Promise<void> {
    const at = await this.options.records.orphan();
    this.orphanTimer?.();
    if (at === undefined || this.stopping.signal.aborted) return;
    const { clock } = this.options.env;
    this.orphanTimer = clock.after(at - clock.now(), () =>
      this.write('orphaned tasks', () => this.orphan()),
    );
  }

  private write(what: string, work: () => Promise<void>): void {
    const { env, log, run } = this.options;
    const { signal } = this.stopping;
    run(what, async () => {
      while (!signal.aborted) {
        try {
          await work();
          return;
        } catch (error) {
          if (!isSwarmError(error)) throw error;
          log.warn({ code: error.code, error: error.message }, `${what}: not written yet`);
          await delay(env.clock, retryMs, signal);
        }
      }
    });
  }
}
