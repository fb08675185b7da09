/** A turn loop on the fake store with stages made of functions, and what it did. */
import type { Reconciler, TurnInput, TurnResult } from '@swarmkit/sdk/contracts/reconciler';
import type { Draft, Store, UpdateOptions, Writer } from '@swarmkit/sdk/contracts/store';
import type { Logger } from '@swarmkit/sdk/plugin/plugin';
import { FakeStore } from '@swarmkit/sdk/testkit/fake-store';
import { VirtualEnv } from '@swarmkit/sdk/testkit/virtual-env';
import { Ring } from '../core/ring.js';
import { TurnLoop } from '../shell/turn-loop.js';

export const user: Writer = { id: 'user', writes: ['any'] };

/** What a stage was told in one run. */
export interface Seen {
  readonly stage: string;
  readonly at: number;
  readonly everything: boolean;
  readonly services: readonly string[];
}

export class TurnRig implements Pick<Store, 'update'> {
  readonly env = new VirtualEnv('turn');
  readonly store = new FakeStore({ now: () => this.env.clock.now(), ownership: false });
  readonly seen: Seen[] = [];
  readonly faults: string[] = [];
  readonly warnings: string[] = [];
  /** Proposals wait for `open` while true. */
  held = false;
  private release: (() => void)[] = [];
  private readonly stop = new AbortController();
  private loop: TurnLoop | undefined;

  stage(
    id: string,
    order: number,
    run: (input: TurnInput) => TurnResult | undefined,
    writes: Writer['writes'] = [],
  ): Reconciler {
    return {
      writer: { id, writes },
      order,
      reconcile: (input) => {
        this.seen.push({
          stage: id,
          at: input.now - 1_700_000_000_000,
          everything: input.dirty.everything,
          services: [...input.dirty.ids('service')],
        });
        return run(input) ?? {};
      },
    };
  }

  start(...stages: readonly Reconciler[]): Promise<void> {
    this.loop = new TurnLoop({
      store: this,
      ring: new Ring(stages),
      env: this.env,
      log: this.logger(),
      signal: this.stop.signal,
      fault: (where, error) => this.faults.push(`${where}: ${String(error)}`),
    });
    const { loop } = this;
    this.store.commits$.subscribe((commit) => loop.noteCommit(commit));
    void loop.run();
    return this.rest();
  }

  get turns(): number {
    return this.loop?.turns ?? 0;
  }

  end(): void {
    this.stop.abort();
  }

  /** What the stages saw since the last call. */
  taken(): readonly Seen[] {
    return this.seen.splice(0);
  }

  /** Lets the loop go on until it does nothing more without time or news. */
  async rest(): Promise<void> {
    for (let still = 0, turns = this.turns; still < 5; still++) {
      await new Promise((resolve) => setImmediate(resolve));
      if (this.turns !== turns) still = 0;
      turns = this.turns;
    }
  }

  async advance(ms: number): Promise<void> {
    await this.env.clock.advance(ms);
    await this.rest();
  }

  async open(): Promise<void> {
    this.held = false;
    for (const release of this.release.splice(0)) release();
    await this.rest();
  }

  async update<T>(
    writer: Writer,
    change: (draft: Draft) => T,
    _options?: UpdateOptions,
  ): Promise<T> {
    const result = this.store.updateNow(writer, change);
    if (this.held) await new Promise<void>((resolve) => this.release.push(resolve));
    return result;
  }

  private logger(): Logger {
    const ignore = (): void => undefined;
    return {
      debug: ignore,
      info: ignore,
      error: ignore,
      warn: (fields: object | string, message?: string) => {
        this.warnings.push(message ?? String(fields));
      },
    };
  }
}
