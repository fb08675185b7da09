import type { Token } from '@swarmkit/sdk/plugin/token';
import { Subscription } from 'rxjs/internal/Subscription';
import type { DependencyContainer } from 'tsyringe';
import { newContainer } from './container.js';
import { refusal } from './errors.js';
import type { Graph } from './graph.js';
import { PluginRun } from './plugin-run.js';
import type { Supervisor } from './supervisor.js';

type Contribution<T> = { readonly run: PluginRun; readonly value: T };

/** One life of a scope: a child container, the contributions, and the plugins in start order. */
export class Scope {
  /** From the last plugin's start until closing begins. */
  isOpen = false;
  /** Told to close. It will, even when it is told to open again meanwhile. */
  condemned = false;
  /** Whose turn it is to register or start: the plugin to name when that throws. */
  current: PluginRun | undefined;
  /** What the host must undo when the scope closes. */
  readonly ends = new Subscription();
  private readonly contributions = new Map<symbol, Contribution<unknown>[]>();
  private readonly container: DependencyContainer = newContainer(this.outer?.container);
  private readonly runs = this.graph.nodes
    .filter((plugin) => plugin.scope === this.name)
    .map((plugin) => new PluginRun(plugin, this, this.supervisor));

  constructor(
    readonly name: string,
    readonly outer: Scope | undefined,
    private readonly graph: Graph,
    private readonly supervisor: Supervisor,
  ) {}

  find<T>(token: Token<T>): T | undefined {
    const known = this.container.isRegistered(token.key, true);
    return known ? this.container.resolve<T>(token.key) : undefined;
  }

  /** Outer scopes first, then by plugin id. */
  all<T>(point: Token<T>): readonly T[] {
    return [...(this.outer?.all(point) ?? []), ...this.own(point).map(({ value }) => value)];
  }

  own<T>(point: Token<T>): readonly Contribution<T>[] {
    const own = (this.contributions.get(point.key) ?? []) as Contribution<T>[];
    return own.toSorted((a, b) => (a.run.id === b.run.id ? 0 : a.run.id < b.run.id ? -1 : 1));
  }

  put(run: PluginRun, token: Token<unknown>, value: unknown): void {
    if (this.graph.yields(run.manifest, token)) return;
    if (token.many) this.contributions.set(token.key, [...this.own(token), { run, value }]);
    else if (this.container.isRegistered(token.key))
      throw refusal('KERNEL_PROVIDED_TWICE', `${run.id} provides ${token.id} twice`);
    else this.container.register(token.key, { useFactory: () => value });
  }

  register(): void {
    for (const run of this.runs) {
      this.current = run;
      run.register();
      for (const token of run.manifest.provides ?? [])
        if (!this.graph.yields(run.manifest, token) && this.find(token) === undefined)
          throw refusal('KERNEL_PROMISE', `${run.id} promises ${token.id} and did not provide it`);
    }
  }

  /** Ends early, and not open, when the scope is told to close. */
  async start(): Promise<void> {
    for (const run of this.runs) {
      if (this.condemned) return;
      this.current = run;
      await run.start();
    }
    this.isOpen = !this.condemned;
  }

  condemn(): void {
    this.condemned = true;
    for (const run of this.runs) run.abandon();
  }

  /** Stops in reverse what was started, wholly or half, then ends all streams. */
  async close(): Promise<void> {
    this.isOpen = false;
    this.ends.unsubscribe();
    for (const run of this.runs.toReversed()) await run.stop();
    for (const { channels } of this.runs) for (const channel of channels.values()) channel.close();
  }
}
