import { isInvariantError, messageOf } from '@swarmkit/sdk/plugin/errors';
import type { Cancel } from '@swarmkit/sdk/plugin/env';
import { FactChannel } from './channel.js';
import { checkConfig } from './config.js';
import { forkEnv } from './env.js';
import { refusal } from './errors.js';
import type { Host, HostOptions } from './host.js';
import type { PluginRun } from './plugin-run.js';

export interface LifecycleEvent {
  readonly at: number;
  /** Of a plugin, or without one of the scope. `failed` is any fault, also one that stops nothing. */
  readonly change: 'registered' | 'started' | 'failed' | 'stopped' | 'opened' | 'closed';
  readonly scope: string;
  readonly plugin?: string | undefined;
  readonly where?: string;
  readonly error?: unknown;
}

/** What the plugins of a host share, and where their faults come in: who, how often, what follows. */
export class Supervisor {
  readonly lifecycle = new FactChannel<LifecycleEvent>('kernel.lifecycle');
  readonly faults = new Map<string, number>();
  readonly config = checkConfig(this.options.plugins, this.options.config ?? {});
  /** Forked once: a scope that opens again must not draw the ids of its first life again. */
  readonly envs = new Map(
    this.options.plugins.map(({ id }) => [id, forkEnv(this.options.env, id)]),
  );
  private readonly waits = new Map<string, { readonly ms: number; readonly at: number }>();

  constructor(
    readonly options: HostOptions,
    private readonly host: Host,
  ) {}

  tell(change: LifecycleEvent['change'], scope: string, plugin?: string, fault?: object): void {
    this.options.log.debug({ scope, plugin }, `${plugin ?? `scope ${scope}`} ${change}`);
    this.lifecycle.publish({ at: this.options.env.clock.now(), change, scope, plugin, ...fault });
  }

  /** Applies the plugin's policy, which speaks of plugins that are up. */
  report(run: PluginRun, where: string, error: unknown): void {
    const { policy = run.manifest.provides?.length ? 'stop-node' : 'degrade' } = run.manifest;
    this.count(run, where, error, run.isUp && policy === 'stop-node');
    if (run.isUp && policy === 'restart') this.host.restart(run);
  }

  /** For failures that are answered elsewhere. A broken invariant stops the node all the same. */
  count({ id, manifest }: PluginRun, where: string, error: unknown, isFatal = false): string {
    const message = `${id} failed in ${where}: ${messageOf(error)}`;
    this.faults.set(id, (this.faults.get(id) ?? 0) + 1);
    this.options.log.error({ err: error, plugin: id, where }, message);
    this.tell('failed', manifest.scope, id, { where, error });
    const fatal = refusal('KERNEL_FATAL', `the node stops: ${message}`, error, 'internal');
    if (isFatal || breaksInvariant(error)) this.host.stopNode(fatal);
    return message;
  }

  /** The next try of the same thing: after 100 ms, doubled up to 10 s, forgotten after a minute. */
  later(what: string, act: () => void): Cancel {
    const { clock } = this.options.env;
    const at = clock.monotonic();
    const last = this.waits.get(what);
    const ms = last && at - last.at < 60_000 ? Math.min(last.ms * 2, 10_000) : 100;
    this.waits.set(what, { ms, at });
    return clock.after(ms, act);
  }
}

/** Also when somebody wrapped it on the way. */
export const breaksInvariant = (error: unknown): boolean =>
  isInvariantError(error) || (error instanceof Error && breaksInvariant(error.cause));
