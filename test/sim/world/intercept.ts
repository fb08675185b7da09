/**
 * Stands between a plugin and its context: looks at what it puts on the table or takes from there, and
 * may hand on something else, without the plugin or anybody else noticing.
 */
import type { Context, PluginManifest } from '@swarmkit/sdk/plugin/plugin';
import type { Token } from '@swarmkit/sdk/plugin/token';

/** `seen` answers what is handed on in place of what the plugin provided. */
export function interceptProvided<T>(
  manifest: PluginManifest,
  token: Token<T>,
  seen: (value: T) => T,
): PluginManifest {
  return behind(manifest, (ctx) => {
    const provide: Context['provide'] = (given, value) =>
      given.key === token.key
        ? ctx.provide(token, seen(value as unknown as T))
        : ctx.provide(given, value);
    return { provide: { value: provide } };
  });
}

/** `seen` answers what the plugin is given in place of what is there. */
export function interceptTaken<T>(
  manifest: PluginManifest,
  token: Token<T>,
  seen: (value: T) => T,
): PluginManifest {
  return behind(manifest, (ctx) => {
    const get = <U>(wanted: Token<U>): U => {
      const value = ctx.get(wanted);
      return wanted.key === token.key ? (seen(value as unknown as T) as unknown as U) : value;
    };
    return { get: { value: get } };
  });
}

function behind(
  manifest: PluginManifest,
  change: (ctx: Context) => PropertyDescriptorMap,
): PluginManifest {
  // Plugins know their runs by context: each must meet the same one in every phase.
  const contexts = new WeakMap<Context, Context>();
  const inner = (ctx: Context): Context => {
    const known = contexts.get(ctx) ?? (Object.create(ctx, change(ctx)) as Context);
    contexts.set(ctx, known);
    return known;
  };
  return {
    ...manifest,
    register: (ctx) => manifest.register?.(inner(ctx)),
    start: (ctx) => manifest.start?.(inner(ctx)),
    stop: (ctx) => manifest.stop?.(inner(ctx)),
  };
}
