import { type Clock, delay, type Env } from '@swarmkit/sdk/plugin/env';
import type { Channel, ChannelOptions, Context, PluginManifest } from '@swarmkit/sdk/plugin/plugin';
import type { Token } from '@swarmkit/sdk/plugin/token';
import { Subscription } from 'rxjs/internal/Subscription';
import { FactChannel } from './channel.js';
import { injectorFor } from './container.js';
import { refusal } from './errors.js';
import type { Scope } from './scope.js';
import { breaksInvariant, type Supervisor } from './supervisor.js';

type List = 'requires' | 'optional' | 'provides' | 'contributes' | 'accepts';

/**
 * One plugin in one open scope: its phases, its context, and what must end when it stops. A restart
 * keeps the run, its context and its channels, so what others hold of the plugin stays valid.
 */
export class PluginRun {
  phase: 'idle' | 'registering' | 'starting' | 'started' | 'stopping' | 'stopped' = 'idle';
  readonly id = this.manifest.id;
  readonly channels = new Map<string, FactChannel<never>>();
  private readonly works = new Set<Promise<void>>();
  private streams = new Subscription();
  private timers = new Subscription();
  private abort = new AbortController();
  private readonly context = this.createContext();

  constructor(
    readonly manifest: PluginManifest,
    private readonly scope: Scope,
    private readonly supervisor: Supervisor,
  ) {}

  /** Started, wholly or half. */
  get isUp(): boolean {
    return this.phase === 'starting' || this.phase === 'started';
  }

  register(): void {
    this.phase = 'registering';
    this.manifest.register?.(this.context);
    this.phase = 'idle';
    this.supervisor.tell('registered', this.scope.name, this.id);
  }

  /** Rejects with what `start` threw. The plugin is to be stopped then: it may be half started. */
  async start(): Promise<void> {
    if (this.phase === 'stopped') this.abort = new AbortController();
    this.streams = new Subscription();
    this.phase = 'starting';
    await this.inTime('KERNEL_STILL_STARTING', async () => this.manifest.start?.(this.context));
    this.phase = 'started';
    this.supervisor.tell('started', this.scope.name, this.id);
  }

  /** Tells a `start` in progress that it is not wanted any more. */
  abandon(): void {
    if (this.phase === 'starting') this.abort.abort();
  }

  /** Never rejects: what goes wrong is a fault, and past the deadline the plugin is left to itself. */
  async stop(): Promise<void> {
    if (!this.isUp) return;
    this.phase = 'stopping';
    this.abort.abort();
    this.streams.unsubscribe();
    const stop = async (): Promise<void> => {
      await this.manifest.stop?.(this.context);
      await Promise.all(this.works);
    };
    await this.inTime('KERNEL_STILL_STOPPING', stop).catch((error) => this.fault('stop', error));
    this.timers.unsubscribe();
    this.timers = new Subscription();
    this.phase = 'stopped';
    this.supervisor.tell('stopped', this.scope.name, this.id);
  }

  fault(where: string, error: unknown): void {
    this.supervisor.report(this, where, error);
  }

  /** The outcome of the work. From the abort on it has only `stopMs` left. */
  private async inTime(code: `KERNEL_STILL_${string}`, work: () => Promise<void>): Promise<void> {
    const { signal } = this.abort;
    const { env, stopMs = 10_000 } = this.supervisor.options;
    const ended = new AbortController();
    const late = async (): Promise<void> => {
      if (!signal.aborted) await new Promise((told) => signal.addEventListener('abort', told));
      await delay(env.clock, stopMs, ended.signal);
      throw refusal(code, `${this.id} is still ${this.phase}`);
    };
    await Promise.race([work(), late()]).finally(() => ended.abort());
  }

  /** Does the work at once and to its end. A failure after the abort is taken for its consequence. */
  private async watch(where: string, work: () => unknown): Promise<void> {
    const { signal } = this.abort;
    try {
      await work();
    } catch (error) {
      if (!signal.aborted || breaksInvariant(error)) this.fault(where, error);
      else this.context.log.debug({ err: error }, `${where} was given up`);
    }
  }

  /** What the plugin is handed. Refuses what the manifest does not name: the graph stays the truth. */
  private createContext(): Context {
    const { id, manifest, scope, supervisor } = this;
    const refuse = (code: `KERNEL_${string}`, what: string): never => {
      throw refusal(code, `${id} may not ${what}`, undefined, 'permission-denied');
    };
    const demand = (verb: string, token: Token<unknown>, ...lists: List[]): void => {
      if (lists.some((list) => manifest[list]?.some(({ key }) => key === token.key))) return;
      const why = `its manifest does not name it in ${lists.join(' or ')}`;
      refuse('KERNEL_UNDECLARED', `${verb} ${token.id}: ${why}`);
    };
    /** False once the plugin was told to stop: nothing new is begun then. */
    const mayBegin = (what: string): boolean => {
      if (this.phase !== 'registering') return !this.abort.signal.aborted;
      return refuse('KERNEL_TOO_EARLY', `${what} in register: do it in start`);
    };
    const maybe = <T>(token: Token<T>): T | undefined => {
      demand('get', token, 'requires', 'optional');
      return scope.find(token);
    };
    const all = <T>(point: Token<T>): readonly T[] => {
      demand('read', point, 'accepts');
      return scope.all(point);
    };
    const signal = (): AbortSignal => this.abort.signal;
    return Object.freeze<Context>({
      pluginId: id,
      env: this.ownEnv(),
      log: supervisor.options.log.child({ plugin: id }),
      config: supervisor.config[id],
      get signal() {
        return signal();
      },
      get: (token) =>
        maybe(token) ?? refuse('KERNEL_ABSENT', `get ${token.id}: nothing provides it, use maybe`),
      maybe,
      all,
      provide: (token, value) => {
        demand('provide', token, 'provides', 'contributes');
        if (this.phase === 'registering') scope.put(this, token, value);
        else refuse('KERNEL_TOO_LATE', `provide ${token.id} now: do it in register`);
      },
      construct: injectorFor(manifest, { maybe, all }),
      channel: <T>(name: string, options?: ChannelOptions): Channel<T> => {
        // A plugin that was restarted asks again, and its readers are still there.
        const channel = this.channels.get(name) ?? new FactChannel(`${id}.${name}`, options);
        this.channels.set(name, channel);
        return channel as Channel<unknown> as Channel<T>;
      },
      consume: (name, stream, handler) => {
        const next: typeof handler = (value) => void this.watch(name, () => handler(value));
        const error = (error: unknown): void => this.fault(`${name} (no longer read)`, error);
        if (mayBegin(`subscribe to ${name}`)) this.streams.add(stream.subscribe({ next, error }));
      },
      run: (where, work) => {
        if (!mayBegin(`begin ${where}`)) return;
        const ended = this.watch(where, work).finally(() => this.works.delete(ended));
        this.works.add(ended);
      },
      fault: (where, error) => this.fault(where, error),
    });
  }

  /** Names the plugin when a timer's callback throws. Timers that are left end with the plugin. */
  private ownEnv(): Env {
    const { clock, ...env } = this.supervisor.envs.get(this.id) as Env;
    const after: Clock['after'] = (ms, act) => {
      const timer = new Subscription();
      const fire = (): void => void this.watch('timer', act).finally(() => timer.unsubscribe());
      timer.add(clock.after(ms, fire));
      this.timers.add(timer);
      return () => timer.unsubscribe();
    };
    return { ...env, clock: { now: () => clock.now(), monotonic: () => clock.monotonic(), after } };
  }
}
