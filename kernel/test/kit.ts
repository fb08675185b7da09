import type { Channel, Context, PluginManifest, ScopeName } from '@swarmkit/sdk/plugin/plugin';
import { isSwarmError } from '@swarmkit/sdk/plugin/errors';
import { extensionPoint, type Token, token } from '@swarmkit/sdk/plugin/token';
import { ScopeGates } from '@swarmkit/sdk/contracts/scope-gate';
import { VirtualEnv } from '@swarmkit/sdk/testkit/virtual-env';
import { Host, type HostOptions } from '../host.js';
import type { RootLogger } from '../log.js';

/** What the kernel's tests are made of: small plugins, a logger that remembers, a host on virtual time. */

export interface Line {
  readonly level: string;
  readonly message: string;
  readonly fields: Record<string, unknown>;
}

export function memoryLogger(lines: Line[], bound: object = {}): RootLogger {
  const write =
    (level: string) =>
    (first: object | string, message?: string): void => {
      const fields = typeof first === 'string' ? {} : first;
      lines.push({ level, message: message ?? String(first), fields: { ...bound, ...fields } });
    };
  return {
    debug: write('debug'),
    info: write('info'),
    warn: write('warn'),
    error: write('error'),
    child: (fields) => memoryLogger(lines, { ...bound, ...fields }),
  };
}

/** The last error in the log. */
export const lastError = ({ lines }: World): Line | undefined =>
  lines.findLast(({ level }) => level === 'error');

export interface World {
  readonly env: VirtualEnv;
  readonly lines: Line[];
  /** What plugins say that they did, in order. */
  readonly story: string[];
  readonly fatal: Error[];
  host(plugins: readonly PluginManifest[], options?: Partial<HostOptions>): Host;
}

export function world(): World {
  const env = new VirtualEnv('kernel');
  const lines: Line[] = [];
  const fatal: Error[] = [];
  return {
    env,
    lines,
    story: [],
    fatal,
    host: (plugins, options) =>
      new Host({
        plugins,
        env,
        log: memoryLogger(lines),
        onFatal: (error) => fatal.push(error),
        ...options,
      }),
  };
}

/** A plugin that does nothing but be there. */
export const plugin = (id: string, rest: Partial<PluginManifest> = {}): PluginManifest => ({
  id,
  version: '1.0.0',
  scope: 'node',
  ...rest,
});

/** A plugin that provides what it promises (an object with its id) and tells what happens to it. */
export const teller = (
  id: string,
  story: string[],
  rest: Partial<PluginManifest> = {},
): PluginManifest =>
  plugin(id, {
    register: (ctx) => {
      story.push(`${id} registers`);
      for (const each of [...(rest.provides ?? []), ...(rest.contributes ?? [])])
        ctx.provide(each, { by: id });
    },
    start: () => void story.push(`${id} starts`),
    stop: () => void story.push(`${id} stops`),
    ...rest,
  });

export interface Named {
  readonly by: string;
}
export const A = token<Named>('test.a.v1');
export const B = token<Named>('test.b.v1');
export const C = token<Named>('test.c.v1');
export const Points = extensionPoint<Named>('test.points.v1');

/** A gate in the hand of the test. */
export interface Lever {
  readonly plugin: PluginManifest;
  say(open: boolean): void;
}

export function lever(
  id: string,
  scope: ScopeName,
  at: ScopeName = 'node',
  first?: boolean,
): Lever {
  let channel: Channel<boolean> | undefined;
  return {
    say: (open) => channel?.publish(open),
    plugin: plugin(id, {
      scope: at,
      contributes: [ScopeGates],
      register: (ctx) => {
        channel = ctx.channel<boolean>('open', { replayLast: true });
        ctx.provide(ScopeGates, { scope, open$: channel.facts$ });
        if (first !== undefined) channel.publish(first);
      },
    }),
  };
}

/** Hands out the context of a plugin that has started. */
export async function contextOf(
  rest: Partial<PluginManifest>,
  others: readonly PluginManifest[] = [],
  home: World = world(),
): Promise<{ ctx: Context; host: Host; home: World }> {
  let ctx: Context | undefined;
  const probe = plugin('probe', {
    ...rest,
    start: (context) => {
      ctx = context;
      return rest.start?.(context);
    },
  });
  const host = home.host([probe, ...others]);
  await host.start();
  if (ctx === undefined) throw new Error('the probe did not start');
  return { ctx, host, home };
}

/** The code and sentence of what is thrown or rejected; fails when nothing is. */
export async function refused(
  act: () => unknown,
): Promise<{ code: string; kind: string; message: string; cause: unknown }> {
  try {
    await act();
  } catch (error) {
    if (!isSwarmError(error)) throw error;
    return error as unknown as { code: string; kind: string; message: string; cause: unknown };
  }
  throw new Error('nothing was refused');
}

export type { Token };
