import type { Observable } from 'rxjs';
import type { Env } from './env.js';
import type { Token } from './token.js';

/**
 * What a plugin says of itself (its manifest), and what the kernel hands it (its context).
 * The manifest is the wiring: the context refuses every token that the manifest does not name, so the
 * drawn graph is the real graph.
 */

/**
 * Where a plugin lives and how long. A scope is a child container plus a life: `node` lives as long as
 * the process, `manager` and `agent` as long as the node has that role, `leader` as long as it leads.
 */
export type ScopeName = 'node' | 'manager' | 'leader' | 'agent';

/** What the kernel does when a handler of the plugin throws: */
export type FaultPolicy =
  /** stop and start the plugin again (with back-off); its dependents see the same objects. */
  | 'restart'
  /** count it, log it, carry on. */
  | 'degrade'
  /** stop the whole node in order. InvariantError always does this. */
  | 'stop-node';

/** JSON Schema (draft 7) of an object. Unknown keys are refused whether or not it says so. */
export type ConfigSchema = Readonly<Record<string, unknown>>;

export interface Logger {
  debug(fields: object, message: string): void;
  debug(message: string): void;
  info(fields: object, message: string): void;
  info(message: string): void;
  warn(fields: object, message: string): void;
  warn(message: string): void;
  error(fields: object, message: string): void;
  error(message: string): void;
}

/** What happens to a reader of a channel that falls behind by more than `bound` facts. */
export type Overflow =
  /** the newest fact replaces the one that waits (facts are states). */
  | 'coalesce'
  /** facts are dropped and counted. */
  | 'drop'
  /** the reader is unsubscribed; a fault names it. */
  | 'disconnect';

export interface ChannelOptions {
  /** Facts that may wait while a delivery is in progress. Default 10,000. */
  readonly bound?: number;
  /** Default `disconnect`. */
  readonly overflow?: Overflow;
  /** When given, a new reader is handed the latest fact at once. */
  readonly replayLast?: boolean;
}

/**
 * An ordered stream of facts with one writer. A publish made during delivery waits its turn, so every
 * reader sees the same order; it never errors, and completes only when its plugin stops.
 */
export interface Channel<T> {
  readonly name: string;
  /** Facts dropped so far because of the bound. */
  readonly dropped: number;
  /** Stays with the owner; everyone else is handed `facts$`. */
  publish(fact: T): void;
  readonly facts$: Observable<T>;
}

export interface Context<Config = unknown> {
  readonly pluginId: string;
  /** Forked for this plugin: its randomness does not depend on what other plugins draw. */
  readonly env: Env;
  /** Child logger with `plugin` set. */
  readonly log: Logger;
  /** Checked against the manifest's schema, defaults filled in. */
  readonly config: Config;
  /** Aborts when the plugin begins to stop. */
  readonly signal: AbortSignal;
  /** The provider of a token named in `requires` (throws without one) or `optional` (undefined). */
  get<T>(token: Token<T>): T;
  maybe<T>(token: Token<T>): T | undefined;
  /** Contributions to an extension point named in `accepts`, outer scopes first, then by plugin id. */
  all<T>(point: Token<T>): readonly T[];
  /** Puts a service on the table (`provides`) or adds one of a kind (`contributes`). Only in `register`. */
  provide<T>(token: Token<T>, value: T): void;
  /** Builds a class whose constructor is injected with `@inject(SomeToken.key)`; same refusals as `get`. */
  construct<T>(type: new (...args: never[]) => T): T;
  /** A stream of facts that this plugin writes. Named `<plugin>.<facts>`. */
  channel<T>(name: string, options?: ChannelOptions): Channel<T>;
  /**
   * The only way to subscribe. Ends with the plugin; a throw or a rejection in the handler is reported
   * at once as a fault that names plugin and stream. Handlers are not awaited.
   */
  consume<T>(
    name: string,
    stream: Observable<T>,
    handler: (value: T) => void | Promise<void>,
  ): void;
  /** Runs background work; a rejection is a fault of this plugin, named `where`. */
  run(where: string, work: () => Promise<void>): void;
  /** Reports a fault; the manifest's policy decides what follows. */
  fault(where: string, error: unknown): void;
}

export interface PluginManifest<Config = unknown> {
  /** Lower-case, unique in a distribution: `scheduler`, `acme-scheduler`. */
  readonly id: string;
  readonly version: string;
  readonly scope: ScopeName;
  readonly requires?: readonly Token<unknown>[];
  readonly optional?: readonly Token<unknown>[];
  readonly provides?: readonly Token<unknown>[];
  /** Extension points this plugin adds to. */
  readonly contributes?: readonly Token<unknown>[];
  /** Extension points this plugin reads; their contributors start first. */
  readonly accepts?: readonly Token<unknown>[];
  readonly config?: ConfigSchema;
  /** Default `stop-node` for plugins that provide a token, else `degrade`. */
  readonly policy?: FaultPolicy;
  /** Build services and put them on the table. Synchronous, no I/O, no subscriptions. */
  register?(ctx: Context<Config>): void;
  /** Begin work: open files, sockets, subscriptions. Plugins it requires have started. */
  start?(ctx: Context<Config>): void | Promise<void>;
  /** End work, within the kernel's deadline. Also called when `start` threw. */
  stop?(ctx: Context<Config>): void | Promise<void>;
}

/** Keeps the config's type; the kernel checks the rest. */
export const definePlugin = <Config = unknown>(
  manifest: PluginManifest<Config>,
): PluginManifest<Config> => manifest;

/**
 * Opens and closes a scope. The kernel subscribes, starts the scope's plugins on `true` and stops them
 * in reverse on `false`, one change at a time; the last word wins.
 */
export interface ScopeGate {
  readonly scope: ScopeName;
  readonly open$: Observable<boolean>;
}
