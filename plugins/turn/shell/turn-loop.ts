/**
 * The leader's loop: waits until something changed or is due, runs a turn on a draft of the head,
 * proposes it as one write, and waits for that to be applied before the next; what changes meanwhile is
 * gathered. Decides nothing about the cluster itself.
 */
import { setImmediate } from 'node:timers/promises';
import type { Commit, Store, Writer } from '@swarmkit/sdk/contracts/store';
import { delay, type Env } from '@swarmkit/sdk/plugin/env';
import { isSwarmError } from '@swarmkit/sdk/plugin/errors';
import type { Logger } from '@swarmkit/sdk/plugin/plugin';
import type { Ring, TurnReport } from '../core/ring.js';
import { Alarm } from './alarm.js';

/** Signs nothing itself: each stage writes in its own name. */
const turnWriter: Writer = { id: 'turn', writes: [] };

/** So many turns in a row that only we ourselves caused: two stages undo each other's work. */
const restlessTurns = 100;
const restlessPauseMs = 1000;
const firstRetryMs = 100;
const lastRetryMs = 10_000;

export interface TurnLoopOptions {
  readonly store: Pick<Store, 'update'>;
  readonly ring: Ring;
  readonly env: Env;
  readonly log: Logger;
  readonly signal: AbortSignal;
  readonly fault: (where: string, error: unknown) => void;
}

export class TurnLoop {
  /** Turns run so far. */
  turns = 0;
  private readonly alarm: Alarm;
  /** Turns since anything came from outside: a commit of somebody else, or the passing of time. */
  private alone = 0;
  private lostProposals = 0;
  private readonly aborted: Promise<void>;

  constructor(private readonly options: TurnLoopOptions) {
    const { env, signal } = options;
    this.alarm = new Alarm(env.clock, signal);
    this.aborted = new Promise((resolve) => {
      if (signal.aborted) resolve();
      else signal.addEventListener('abort', () => resolve(), { once: true });
    });
  }

  noteCommit(commit: Commit): void {
    if (this.options.ring.isOwn(commit)) return;
    this.alone = 0;
    this.options.ring.note(commit.changes);
    this.alarm.ring();
  }

  /** Ends when the plugin stops. */
  async run(): Promise<void> {
    const { ring, env, signal } = this.options;
    while (!signal.aborted) {
      const nextAt = ring.nextAt();
      if (nextAt === undefined || nextAt > env.clock.now()) {
        this.alone = 0;
        await this.alarm.sleep(nextAt);
        continue;
      }
      await this.turn();
      // Commits that are ready to be told and requests that wait come first.
      await setImmediate();
    }
  }

  private async turn(): Promise<void> {
    const { store, ring, env, log, signal } = this.options;
    const now = env.clock.now();
    const startedAt = env.clock.monotonic();
    let report: TurnReport | undefined;
    const proposal = store.update(
      turnWriter,
      (draft) => {
        report = ring.turn(draft, now, () => env.id());
      },
      { oversize: 'split' },
    );
    const ms = env.clock.monotonic() - startedAt;
    this.turns += 1;
    // Work that is done bit by bit comes to an end by itself.
    this.alone = report?.goesOn === true ? 0 : this.alone + 1;
    for (const { stage, error } of report?.failures ?? [])
      this.options.fault(`stage ${stage}`, error);
    try {
      await Promise.race([proposal, this.aborted]);
      this.lostProposals = 0;
    } catch (error) {
      await this.failed(error);
    }
    log.debug({ turn: this.turns, ms, ran: report?.ran, changed: report?.changed }, 'turn');
    if (this.alone > restlessTurns) {
      log.warn(
        { turns: this.alone, changed: report?.changed },
        'the stages of the turn do not come to rest; slowing down',
      );
      await delay(env.clock, restlessPauseMs, signal);
    }
  }

  /** The plan is void as a whole, or nobody knows: look at everything again, after a while. */
  private async failed(error: unknown): Promise<void> {
    const { ring, env, log, signal } = this.options;
    ring.noteEverything();
    if (signal.aborted) return;
    if (isSwarmError(error))
      log.warn({ code: error.code, error: error.message }, 'the turn was not committed');
    else this.options.fault('proposal', error);
    const wait = Math.min(lastRetryMs, firstRetryMs * 2 ** this.lostProposals);
    this.lostProposals += 1;
    await delay(env.clock, wait, signal);
  }
}
