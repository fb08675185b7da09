import { readFileSync } from 'node:fs';
import { messageOf, SwarmError } from '@swarmkit/sdk/plugin/errors';
import { parse, YAMLParseError } from 'yaml';

/**
 * The file of `--config`: YAML with the names of the flags, and with two keys more. Each refusal names the
 * file and, where it can, the line.
 */
export interface ConfigFile {
  readonly 'state-dir'?: string;
  readonly 'listen-control-api'?: string;
  readonly 'listen-remote-api'?: string;
  readonly 'advertise-remote-api'?: string;
  readonly 'join-addr'?: string;
  readonly 'join-token'?: string;
  readonly availability?: string;
  readonly hostname?: string;
  readonly 'generic-node-resources'?: string;
  readonly 'log-level'?: string;
  readonly executor?: string;
  readonly 'containerd-addr'?: string;
  readonly 'engine-addr'?: string;
  readonly load?: readonly string[];
  /** Token id -> plugin id. */
  readonly providers?: Readonly<Record<string, string>>;
  /** Plugin id -> its configuration. */
  readonly plugins?: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
}

const isMap = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
const isString = (value: unknown): value is string => typeof value === 'string';

interface Kind {
  readonly name: string;
  readonly fits: (value: unknown) => boolean;
}

const string: Kind = { name: 'string', fits: isString };
const kinds: Readonly<Record<keyof ConfigFile, Kind>> = {
  'state-dir': string,
  'listen-control-api': string,
  'listen-remote-api': string,
  'advertise-remote-api': string,
  'join-addr': string,
  'join-token': string,
  availability: string,
  hostname: string,
  'generic-node-resources': string,
  'log-level': string,
  executor: string,
  'containerd-addr': string,
  'engine-addr': string,
  load: {
    name: 'list of strings',
    fits: (value) => Array.isArray(value) && value.every(isString),
  },
  providers: {
    name: 'map of strings',
    fits: (value) => isMap(value) && Object.values(value).every(isString),
  },
  plugins: {
    name: 'map of maps, one for each plugin',
    fits: (value) => isMap(value) && Object.values(value).every(isMap),
  },
};

export function readConfig(file: string): ConfigFile {
  const refuse = (why: string, cause?: unknown): SwarmError =>
    new SwarmError('invalid-argument', 'SWARMD_CONFIG', `the configuration ${file} ${why}`, {
      cause,
    });
  let source: string;
  try {
    source = readFileSync(file, 'utf8');
  } catch (cause) {
    throw refuse(`cannot be read: ${messageOf(cause)}`, cause);
  }
  let content: unknown;
  try {
    content = parse(source, { prettyErrors: false, logLevel: 'error' });
  } catch (cause) {
    const at = cause instanceof YAMLParseError ? lineOf(source, cause.pos[0]) : undefined;
    throw refuse(`is not YAML${at ? ` at line ${at}` : ''}: ${messageOf(cause)}`, cause);
  }
  if (content === null || content === undefined) return {};
  if (!isMap(content)) throw refuse('is not a map of settings');
  for (const [key, value] of Object.entries(content)) {
    if (!Object.hasOwn(kinds, key))
      throw refuse(`has an unknown key ${key}; known are ${Object.keys(kinds).join(', ')}`);
    const { name, fits } = kinds[key as keyof ConfigFile];
    if (!fits(value)) throw refuse(`has a ${key} that is not a ${name}`);
  }
  return content;
}

const lineOf = (source: string, position: number): number =>
  source.slice(0, position).split('\n').length;
