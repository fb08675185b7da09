import { readFileSync } from 'node:fs';
import path from 'node:path';
import { messageOf, SwarmError } from '@swarmkit/sdk/plugin/errors';
import { parse, YAMLParseError } from 'yaml';

/**
 * What the operator asked for: flags over the configuration file over defaults. Flags and file use the
 * same names, which are those of SwarmKit's swarmd where it has them.
 */

export interface Settings {
  /** Absolute. */
  readonly stateDir: string;
  /** Path of the control socket. */
  readonly listenControlApi: string;
  /** `host:port`. */
  readonly listenRemoteApi: string;
  readonly hostname: string | undefined;
  readonly logLevel: LogLevel;
  readonly executor: ExecutorName;
  readonly containerdAddr: string;
  readonly engineAddr: string;
  /** Folders of further plugin packages. */
  readonly load: readonly string[];
  /** Which plugin provides a contract where several are installed, by token id. */
  readonly providers: Readonly<Record<string, string>>;
  /** Configuration a plugin id, handed to the plugin as it is. */
  readonly plugins: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
}

export const executorNames = ['containerd', 'docker', 'process'] as const;
export type ExecutorName = (typeof executorNames)[number];
export const logLevels = ['debug', 'info', 'warn', 'error', 'fatal'] as const;
export type LogLevel = (typeof logLevels)[number];

/** As they come from the command line; undefined = not given. */
export interface Flags {
  readonly stateDir?: string;
  readonly listenControlApi?: string;
  readonly listenRemoteApi?: string;
  readonly hostname?: string;
  readonly logLevel?: string;
  readonly executor?: string;
  readonly containerdAddr?: string;
  readonly engineAddr?: string;
  readonly config?: string;
  readonly load?: readonly string[];
}

interface ConfigFile {
  readonly [key: string]: unknown;
}

const fileKeys = {
  'state-dir': 'string',
  'listen-control-api': 'string',
  'listen-remote-api': 'string',
  hostname: 'string',
  'log-level': 'string',
  executor: 'string',
  'containerd-addr': 'string',
  'engine-addr': 'string',
  load: 'list',
  providers: 'map',
  plugins: 'map',
} as const;

/** Paths in the file are relative to the file; paths in flags to the working folder. */
export function settingsFrom(flags: Flags, cwd: string): Settings {
  const file = flags.config === undefined ? {} : readConfig(path.resolve(cwd, flags.config));
  const fileDir = flags.config === undefined ? cwd : path.dirname(path.resolve(cwd, flags.config));
  const text = (key: keyof typeof fileKeys): string | undefined => file[key] as string | undefined;

  const stateDir = flags.stateDir
    ? path.resolve(cwd, flags.stateDir)
    : path.resolve(fileDir, text('state-dir') ?? 'swarmkitstate');
  const socket = flags.listenControlApi
    ? path.resolve(cwd, flags.listenControlApi)
    : path.resolve(fileDir, text('listen-control-api') ?? path.join(stateDir, 'swarmd.sock'));
  const load = [
    ...((file.load as readonly string[] | undefined) ?? []).map((at) => path.resolve(fileDir, at)),
    ...(flags.load ?? []).map((at) => path.resolve(cwd, at)),
  ];
  return {
    stateDir,
    listenControlApi: socket,
    listenRemoteApi: flags.listenRemoteApi ?? text('listen-remote-api') ?? '0.0.0.0:4242',
    hostname: flags.hostname ?? text('hostname'),
    logLevel: oneOf('log-level', logLevels, flags.logLevel ?? text('log-level') ?? 'info'),
    executor: oneOf('executor', executorNames, flags.executor ?? text('executor') ?? 'containerd'),
    containerdAddr:
      flags.containerdAddr ?? text('containerd-addr') ?? '/run/containerd/containerd.sock',
    engineAddr: flags.engineAddr ?? text('engine-addr') ?? 'unix:///var/run/docker.sock',
    load,
    providers: (file.providers as Record<string, string> | undefined) ?? {},
    plugins: (file.plugins as Settings['plugins'] | undefined) ?? {},
  };
}

function oneOf<T extends string>(name: string, known: readonly T[], value: string): T {
  const found = known.find((one) => one === value);
  if (found === undefined)
    throw new SwarmError(
      'invalid-argument',
      'SWARMD_SETTING',
      `${name} is ${JSON.stringify(value)}; it must be one of ${known.join(', ')}`,
    );
  return found;
}

function readConfig(file: string): ConfigFile {
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
    content = parse(source, { prettyErrors: false });
  } catch (cause) {
    const at = cause instanceof YAMLParseError ? lineOf(source, cause.pos[0]) : undefined;
    throw refuse(`is not YAML${at ? ` at line ${at}` : ''}: ${messageOf(cause)}`, cause);
  }
  if (content === null || content === undefined) return {};
  if (typeof content !== 'object' || Array.isArray(content))
    throw refuse('is not a map of settings');
  for (const [key, value] of Object.entries(content)) {
    const kind = (fileKeys as Record<string, string>)[key];
    if (kind === undefined)
      throw refuse(`has an unknown key ${key}; known are ${Object.keys(fileKeys).join(', ')}`);
    const fits =
      kind === 'string'
        ? typeof value === 'string'
        : kind === 'list'
          ? Array.isArray(value) && value.every((item) => typeof item === 'string')
          : typeof value === 'object' && value !== null && !Array.isArray(value);
    if (!fits)
      throw refuse(`has a ${key} that is not a ${kind === 'list' ? 'list of strings' : kind}`);
  }
  return content as ConfigFile;
}

const lineOf = (source: string, position: number): number =>
  source.slice(0, position).split('\n').length;
