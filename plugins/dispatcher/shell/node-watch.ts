import { setMaxListeners } from 'node:events';
import { type Cancel, delay, type Env } from '@swarmkit/sdk/plugin/env';
import { isSwarmError } from '@swarmkit/sdk/plugin/errors';
import type { Logger } from '@swarmkit/sdk/plugin/plugin';
import { Deadlines } from '../core/deadlines.js';
import { gracePeriods, unknownGracePeriods } from '../core/liveness.js';
import type { NodeRecords } from './node-records.js';
import type { Sessions } from './sessions.js';

/**
 * Notices who falls silent, and what becomes of a node's tasks when it stays away. One alarm serves all
 * nodes, and those that fall silent together are written together. A write that fails is tried again
 * until it succeeds, the node is back, or this manager no longer leads.
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
  private readonly deadlines = new Deadlines();
  /** Nodes that this leader has not heard of yet. */
  private readonly unheard = new Set<string>();
  private alarm: { readonly at: number; readonly cancel: Cancel } | undefined;
  private orphanAlarm: Cancel | undefined;

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
          sessions.track(id);
          this.unheard.add(id);
          this.expect(id, unknownGracePeriods * periodMs());
        }
      await this.orphan();
    });
  }

  stop(): void {
    this.stopping.abort();
    this.alarm?.cancel();
    this.orphanAlarm?.();
  }

  /** The node's next heartbeat is due in `periodMs`. */
  expectBeat(nodeId: string, periodMs: number): void {
    this.unheard.delete(nodeId);
    this.expect(nodeId, gracePeriods * periodMs);
  }

  /** The node is no longer in the cluster. */
  forget(nodeId: string): void {
    this.unheard.delete(nodeId);
    this.deadlines.delete(nodeId);
  }

  private expect(nodeId: string, withinMs: number): void {
    this.deadlines.set(nodeId, this.options.env.clock.monotonic() + withinMs);
    this.arm();
  }

  private arm(): void {
    const at = this.deadlines.nextAt();
    // An alarm that comes too early looks and is armed anew.
    if (at === undefined || (this.alarm !== undefined && this.alarm.at <= at)) return;
    this.alarm?.cancel();
    const { clock } = this.options.env;
    this.alarm = { at, cancel: clock.after(at - clock.monotonic(), () => this.ring()) };
  }

  private ring(): void {
    this.alarm = undefined;
    if (this.stopping.signal.aborted) return;
    const lost = new Map<string, string>();
    for (const id of this.deadlines.take(this.options.env.clock.monotonic())) {
      const isUnheard = this.unheard.delete(id);
      lost.set(
        id,
        isUnheard ? 'heartbeat failure for node in "unknown" state' : 'heartbeat failure',
      );
    }
    this.arm();
    if (lost.size > 0) this.silent(lost);
  }

  private silent(lost: Map<string, string>): void {
    const { log, sessions, records } = this.options;
    for (const [node, message] of lost) {
      log.warn({ node }, message);
      sessions.drop(node);
    }
    this.write('nodes down', async () => {
      for (const id of lost.keys()) if (sessions.has(id)) lost.delete(id);
      if (lost.size > 0) await records.down(lost);
      await this.orphan();
    });
  }

  /** Gives up the tasks of nodes that were away too long, and looks again when the next one is due. */
  private async orphan(): Promise<void> {
    const at = await this.options.records.orphan();
    this.orphanAlarm?.();
    if (at === undefined || this.stopping.signal.aborted) return;
    const { clock } = this.options.env;
    this.orphanAlarm = clock.after(at - clock.now(), () =>
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
