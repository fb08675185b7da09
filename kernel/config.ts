import { createRequire } from 'node:module';
import { messageOf } from '@swarmkit/sdk/plugin/errors';
import type { PluginManifest } from '@swarmkit/sdk/plugin/plugin';
import type { Ajv, ErrorObject } from 'ajv';
import { refusal } from './errors.js';

type Fields = Readonly<Record<string, unknown>>;

/** Each plugin's part, checked, with its defaults. All faults are said at once, unknown keys too. */
export function checkConfig(plugins: readonly PluginManifest[], config: Fields): Fields {
  const strangers = Object.keys(config).filter((key) => !plugins.some(({ id }) => id === key));
  const problems = strangers.map((id) => `${id}: no such plugin is installed`);
  const checked: Record<string, unknown> = structuredClone(config);
  for (const { id, config: schema } of plugins) {
    checked[id] ??= {};
    const validate = schema || config[id] ? compile(id, schema ?? {}) : undefined;
    validate?.(checked[id]);
    problems.push(...(validate?.errors ?? []).map((error) => `${id}: ${sentence(error)}`));
  }
  if (problems.length === 0) return checked;
  throw refusal('KERNEL_CONFIG', `the configuration cannot be used: ${problems.join('; ')}`);
}

const OPTIONS = { allErrors: true, useDefaults: true, strictTypes: false, logger: false } as const;
const OBJECT = { type: 'object', properties: {} };
const compiled = new WeakMap<Fields, ReturnType<Ajv['compile']>>();
let ajv: Ajv | undefined;

function compile(id: string, schema: Fields): ReturnType<Ajv['compile']> {
  // Not imported: it takes as long to load as the whole kernel, and hosts without schemas need none.
  const library: typeof import('ajv') = createRequire(import.meta.url)('ajv');
  ajv ??= new library.Ajv(OPTIONS);
  try {
    if (!compiled.has(schema)) compiled.set(schema, ajv.compile(closed({ ...OBJECT, ...schema })));
    return compiled.get(schema) as ReturnType<Ajv['compile']>;
  } catch (cause) {
    throw refusal('KERNEL_SCHEMA', `${id} has a broken config schema: ${messageOf(cause)}`, cause);
  }
}

/** Objects that declare properties take no others unless they say so. Lists (`anyOf`) stay as they are. */
function closed<T>(schema: T): T {
  if (typeof schema !== 'object' || schema === null || Array.isArray(schema)) return schema;
  const inner = Object.entries(schema).map(([key, value]) => [key, closed(value)]);
  const open = 'properties' in schema ? { additionalProperties: false } : {};
  return { ...open, ...Object.fromEntries(inner) };
}

/** `config.pools[0].size must be integer`. */
function sentence({ keyword, instancePath, params, message }: ErrorObject): string {
  const path = `config${instancePath}`.replaceAll(/\/(\d+)(?=\/|$)/g, '[$1]').replaceAll('/', '.');
  const { additionalProperty: unknown, missingProperty: missing, allowedValues: allowed } = params;
  if (keyword === 'additionalProperties') return `${path}.${unknown} is not known`;
  if (keyword === 'required') return `${path}.${missing} is missing`;
  return `${path} ${message}${allowed ? `: ${allowed.join(', ')}` : ''}`;
}
