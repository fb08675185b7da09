import { ScopeGates } from '@swarmkit/sdk/contracts/scope-gate';
import type { Env } from '@swarmkit/sdk/plugin/env';
import type { SwarmError } from '@swarmkit/sdk/plugin/errors';
import type { PluginManifest } from '@swarmkit/sdk/plugin/plugin';
import type { Token } from '@swarmkit/sdk/plugin/token';
import { refusal } from './errors.js';
import { Graph } from './graph.js';
import type { RootLogger } from './log.js';
import type { PluginRun } from './plugin-run.js';
import { Scope } from './scope.js';
import { type ScopeTree, scopePaths } from './scope-tree.js';
import { Supervisor } from './supervisor.js';

export interface HostOptions {
  readonly plugins: readonly PluginManifest[];
  /** By plugin id. */
  readonly config?: Readonly<Record<string, unknown>>;
  /** Token id -> plugin id, where several installed plugins provide the same. */
  readonly providers?: Readonly<Record<string, string>>;
  readonly env: Env;
  readonly log: RootLogger;
  readonly scopes?: ScopeTree;
  /** How long one plugin may take to stop. Default 10,000. */
  readonly stopMs?: number;
  /** A fault has stopped the node; everything is stopped by now. */
  readonly onFatal?: (error: SwarmError) => void;
}

/**
 * The plugin host. Gates say what should be open; one loop compares that with what is open and makes one
 * change at a time until both agree. A scope that was told to close does close, even when it is told to
 * open again at once: its plugins must not carry what they know from one term of office into the next.
 */
export class Host {
  private readonly scopes = scopePaths(this.options.scopes);
  private readonly outermost = this.scopes.keys().next().value ?? '';
  private readonly plan = new Graph(this.options.plugins, this.scopes, this.options.providers);
  private readonly supervisor = new Supervisor(this.options, this);
  readonly lifecycle$ = this.supervisor.lifecycle.facts$;
  readonly graph = (): Graph => this.plan;
  /** Faults so far, by plugin. */
  readonly faults = (): ReadonlyMap<string, number> => this.supervisor.faults;
  /** What was last said of each scope; `later` is an open that failed and waits for its next try. */
  private readonly words = new Map<string, boolean | 'later'>();
  /** Scopes that are open, opening or closing. */
  private readonly live = new Map<string, Scope>();
  private readonly restarts: (() => Promise<void>)[] = [];
  private readonly restarting = new Set<PluginRun>();
  private changing: Promise<void> | undefined;
  private stopping: Promise<void> | undefined;
  private failure: SwarmError | undefined;

  /** Throws one sentence when plugins, providers or configuration are wrong on paper. */
  constructor(private readonly options: HostOptions) {}

  /** Resolves when the outermost scope is open. Rejects when it cannot be, with everything stopped. */
  async start(): Promise<void> {
    if (this.words.size > 0) throw refusal('KERNEL_STARTED', 'a host starts once: make another');
    const opened = new Promise<void>((resolve) => {
      this.lifecycle$.subscribe(({ change }) => change === 'opened' && resolve());
    });
    this.say(this.outermost, true);
    await Promise.race([opened, this.settled()]);
    if (!this.failure && this.openScopes().length > 0) return;
    await this.stop();
    throw this.failure ?? refusal('KERNEL_STOPPED', 'the host was stopped while it started');
  }

  /** Stops all plugins in reverse. Safe at any time, and more than once. */
  stop(): Promise<void> {
    this.say(this.outermost, false);
    this.stopping ??= this.settled().then(() => this.supervisor.lifecycle.close());
    return this.stopping;
  }

  /** Resolves when no scope is being opened or closed and no plugin started or stopped. */
  async settled(): Promise<void> {
    while (this.changing !== undefined) await this.changing;
  }

  openScopes(): readonly string[] {
    return [...this.scopes.keys()].filter((name) => this.live.get(name)?.isOpen);
  }

  /** The front door for apps and tests: a service as seen from `scope`, else from any open scope. */
  get<T>(token: Token<T>, scope?: string): T {
    const open = this.openScopes().filter((name) => name === (scope ?? name));
    const found = open.map((name) => this.live.get(name)?.find(token));
    const service = found.find((value) => value !== undefined);
    if (service !== undefined) return service;
    const message = `nothing provides ${token.id} now in ${scope ?? 'any open scope'}`;
    throw refusal('KERNEL_NOT_OPEN', message, undefined, 'unavailable');
  }

  /** The contributions made in all open scopes, outer scopes first. */
  all<T>(point: Token<T>): readonly T[] {
    const made = this.openScopes().flatMap((name) => this.live.get(name)?.own(point) ?? []);
    return made.map(({ value }) => value);
  }

  /** The last word on a scope. */
  private say(name: string, open: boolean): void {
    this.words.set(name, open);
    for (const scope of open ? [] : this.live.values())
      if (this.scopes.get(scope.name)?.includes(name)) scope.condemn();
    this.wake();
  }

  private wake(restart: readonly (() => Promise<void>)[] = []): void {
    this.restarts.push(...restart);
    this.changing ??= Promise.resolve().then(async () => {
      for (let change = this.nextChange(); change; change = this.nextChange()) await change();
      this.changing = undefined;
    });
  }

  /** Closing goes first, inner scopes before outer ones; then restarts, then what may open. */
  private nextChange(): (() => Promise<void>) | undefined {
    const closing = [...this.live.values()].findLast((scope) => scope.condemned);
    if (closing) return () => this.close(closing);
    const opening = [...this.scopes].find(([name, [, outer]]) => {
      const isReachable = outer === undefined || this.live.get(outer)?.isOpen;
      return isReachable && this.words.get(name) === true && !this.live.has(name);
    });
    return this.restarts.shift() ?? (opening && (() => this.open(opening[0], opening[1][1])));
  }

  private async open(name: string, outer = ''): Promise<void> {
    const scope = new Scope(name, this.live.get(outer), this.plan, this.supervisor);
    this.live.set(name, scope);
    try {
      scope.register();
      this.checkGates(scope);
      await scope.start();
    } catch (error) {
      if (scope.current) this.openFailed(scope, scope.current, error);
    }
    if (!scope.isOpen) return;
    this.supervisor.tell('opened', name);
    for (const { run, value: gate } of scope.own(ScopeGates)) {
      const next = (open: boolean): void => this.say(gate.scope, open);
      const error = (error: unknown): void => {
        next(false);
        run.fault(`the gate of ${gate.scope}`, error);
      };
      scope.ends.add(gate.open$.subscribe({ next, error }));
    }
  }

  /** The scope closes as the next change. An inner one is tried again if its gate still says open. */
  private openFailed(scope: Scope, run: PluginRun, error: unknown): void {
    const { name, outer, condemned: abandoned } = scope;
    scope.condemn();
    if (abandoned && error instanceof Error && error.name === 'AbortError') return;
    const message = this.supervisor.count(run, run.isUp ? 'start' : 'register', error);
    if (outer === undefined) this.failure ??= refusal('KERNEL_START', message, error);
    if (abandoned) return;
    this.words.set(name, 'later');
    const again = (): void => {
      if (this.words.get(name) === 'later') this.say(name, true);
    };
    outer?.ends.add(this.supervisor.later(`scope ${name}`, again));
  }

  private async close(scope: Scope): Promise<void> {
    const wasOpen = scope.isOpen;
    for (const { value: gate } of scope.own(ScopeGates)) this.words.delete(gate.scope);
    await scope.close();
    this.live.delete(scope.name);
    if (wasOpen) this.supervisor.tell('closed', scope.name);
  }

  /** A gate must stand around its scope, and alone: else nobody could say what its word means. */
  private checkGates(scope: Scope): void {
    const gates = [...this.live.values()].flatMap((each) => each.own(ScopeGates));
    for (const { run, value: gate } of scope.own(ScopeGates)) {
      scope.current = run;
      const twin = gates.find(({ value }) => value !== gate && value.scope === gate.scope)?.run.id;
      if (twin) throw refusal('KERNEL_GATE', `${run.id} and ${twin} both gate ${gate.scope}`);
      const isInside = this.scopes.get(gate.scope)?.slice(1).includes(scope.name);
      const where = `which is not inside ${scope.name}`;
      if (!isInside) throw refusal('KERNEL_GATE', `${run.id} gates ${gate.scope}, ${where}`);
    }
  }

  /** For the supervisor. Stops the plugin as the next change, and starts it again after a wait. */
  restart(run: PluginRun): void {
    const scope = this.live.get(run.manifest.scope);
    if (scope === undefined || this.restarting.has(run)) return;
    this.restarting.add(run);
    const start = async (): Promise<void> => {
      this.restarting.delete(run);
      if (!scope.condemned) await run.start().catch((error) => run.fault('start', error));
    };
    const stop = async (): Promise<void> => {
      await run.stop();
      scope.ends.add(this.supervisor.later(`plugin ${run.id}`, () => this.wake([start])));
    };
    this.wake([stop]);
  }

  /** For the supervisor. */
  stopNode(error: SwarmError): void {
    if (this.failure) return;
    this.failure = error;
    this.options.log.error({ err: error }, error.message);
    void this.stop().then(() => this.options.onFatal?.(error));
  }
}
