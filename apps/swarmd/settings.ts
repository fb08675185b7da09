import { networkInterfaces } from 'node:os';
import path from 'node:path';
import { parseGenericResources } from '@swarmkit/sdk/model/generic-resource-text';
import { messageOf, SwarmError } from '@swarmkit/sdk/plugin/errors';
import { hostPortProblem, portOf, reachableAt } from './addresses.js';
import type { ConfigFile } from './config-file.js';

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
  /** `host:port` that other nodes reach this one at; undefined where nobody can say before it listens. */
  readonly advertiseRemoteApi: string | undefined;
  /** The cluster to join, while the node has no identity. */
  readonly join: Join | undefined;
  /** The other managers are lost for good. A flag alone: nothing to be left in a file. */
  readonly forceNewCluster: boolean;
  /** SWMKEY-1-…, for a manager that is locked. Left out of the file: a lock whose key lies beside it is none. */
  readonly unlockKey?: string;
  readonly hostname: string | undefined;
  /** `fpga=2,gpu=UUID1,gpu=UUID2`, checked. */
  readonly genericNodeResources: string | undefined;
  readonly logLevel: LogLevel;
  readonly executor: ExecutorName;
  /** Paths of the runtimes' sockets. */
  readonly containerdAddr: string;
  readonly engineAddr: string;
  /** Folders of further plugin packages. */
  readonly load: readonly string[];
  /** Which plugin provides a contract where several are installed, by token id. */
  readonly providers: Readonly<Record<string, string>>;
  /** Configuration a plugin id, handed to the plugin as it is. */
  readonly plugins: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
}

export interface Join {
  /** `host:port` of managers. */
  readonly addresses: readonly string[];
  readonly token?: string;
  readonly availability?: Availability;
}

export const availabilities = ['active', 'pause', 'drain'] as const;
export type Availability = (typeof availabilities)[number];
export const executorNames = ['containerd', 'docker', 'process'] as const;
export type ExecutorName = (typeof executorNames)[number];
export const logLevels = ['debug', 'info', 'warn', 'error', 'fatal'] as const;
export type LogLevel = (typeof logLevels)[number];

/** As they come from the command line; undefined = not given. */
export interface Flags {
  readonly stateDir?: string;
  readonly listenControlApi?: string;
  readonly listenRemoteApi?: string;
  readonly advertiseRemoteApi?: string;
  readonly advertiseAddr?: string;
  readonly joinAddr?: string;
  readonly joinToken?: string;
  readonly availability?: string;
  readonly hostname?: string;
  readonly genericNodeResources?: string;
  readonly logLevel?: string;
  readonly executor?: string;
  readonly containerdAddr?: string;
  readonly engineAddr?: string;
  readonly config?: string;
  readonly forceNewCluster?: boolean;
  readonly unlockKey?: string;
  readonly load?: readonly string[];
}

/** Paths in the file are relative to the file; paths in flags, and the defaults, to the working folder. */
export async function settingsFrom(
  flags: Flags,
  cwd: string,
  interfaces = networkInterfaces(),
): Promise<Settings> {
  const given = new Given(flags, cwd, await configOf(flags, cwd));
  const stateDir = given.path('stateDir', 'state-dir') ?? path.resolve(cwd, 'swarmkitstate');
  const listenRemoteApi = given.text('listenRemoteApi', 'listen-remote-api') ?? '0.0.0.0:4242';
  return {
    stateDir,
    listenControlApi:
      given.path('listenControlApi', 'listen-control-api') ?? path.join(stateDir, 'swarmd.sock'),
    listenRemoteApi,
    advertiseRemoteApi: advertisedBy(given, listenRemoteApi, interfaces),
    join: joinOf(given),
    forceNewCluster: flags.forceNewCluster ?? false,
    ...(flags.unlockKey ? { unlockKey: flags.unlockKey } : {}),
    hostname: given.text('hostname', 'hostname'),
    genericNodeResources: genericResourcesOf(given),
    logLevel: oneOf('log-level', logLevels, given.text('logLevel', 'log-level') ?? 'info'),
    executor: oneOf('executor', executorNames, given.text('executor', 'executor') ?? 'containerd'),
    containerdAddr:
      given.path('containerdAddr', 'containerd-addr') ?? '/run/containerd/containerd.sock',
    engineAddr: given.path('engineAddr', 'engine-addr') ?? '/var/run/docker.sock',
    load: given.load(),
    providers: given.config.providers ?? {},
    plugins: given.config.plugins ?? {},
  };
}

/** Said with a port, or without: then it is the one that is listened on. */
function advertisedBy(
  given: Given,
  listen: string,
  interfaces: ReturnType<typeof networkInterfaces>,
): string | undefined {
  const said = given.text(
    given.flags.advertiseAddr === undefined ? 'advertiseRemoteApi' : 'advertiseAddr',
    'advertise-remote-api',
  );
  if (said === undefined) return reachableAt(listen, interfaces);
  const port = portOf(listen);
  const whole = portOf(said) === undefined && port !== undefined ? `${said}:${port}` : said;
  return hostPort('advertise-remote-api', whole);
}

function joinOf(given: Given): Join | undefined {
  const addresses = given.text('joinAddr', 'join-addr');
  const token = given.text('joinToken', 'join-token');
  const name = given.text('availability', 'availability');
  if (addresses === undefined) {
    if (token !== undefined)
      throw refuse('join-token is given and join-addr is not: say which manager to ask');
    if (name !== undefined)
      throw refuse(
        'availability is given and join-addr is not: it counts when a node joins, later use swarmctl node update',
      );
    return undefined;
  }
  const availability = name === undefined ? undefined : oneOf('availability', availabilities, name);
  return {
    addresses: addresses.split(',').map((address) => hostPort('join-addr', address.trim())),
    ...(token === undefined ? {} : { token }),
    ...(availability === undefined ? {} : { availability }),
  };
}

function genericResourcesOf(given: Given): string | undefined {
  const text = given.text('genericNodeResources', 'generic-node-resources');
  if (text === undefined) return undefined;
  try {
    parseGenericResources(text);
  } catch (error) {
    throw refuse(`generic-node-resources: ${messageOf(error)}`);
  }
  return text;
}

async function configOf({ config }: Flags, cwd: string): Promise<ConfigFile> {
  if (config === undefined) return {};
  // Loaded here: most daemons have no file, and a YAML parser takes as long to load as ten plugins.
  const { readConfig } = await import('./config-file.js');
  return readConfig(path.resolve(cwd, config));
}

type TextFlag = Exclude<keyof Flags, 'load' | 'config' | 'forceNewCluster' | 'unlockKey'>;
type TextKey = Exclude<keyof ConfigFile, 'load' | 'providers' | 'plugins'>;

/** A setting by its two names: what the flag says, else what the file says, else undefined. */
class Given {
  private readonly fileDir: string;

  constructor(
    readonly flags: Flags,
    private readonly cwd: string,
    readonly config: ConfigFile,
  ) {
    this.fileDir = path.dirname(path.resolve(cwd, flags.config ?? ''));
  }

  text(flag: TextFlag, key: TextKey): string | undefined {
    const value = this.flags[flag] ?? this.config[key];
    if (value === '') throw wrong(key, value, 'leave it out, or give it a value');
    return value;
  }

  /** Absolute. A socket may be written as `unix:///path`, which is what other tools call it. */
  path(flag: TextFlag, key: TextKey): string | undefined {
    const value = this.text(flag, key);
    if (value === undefined) return undefined;
    const file = value.replace(/^unix:(\/\/)?/, '');
    if (/^\w+:\/\//.test(file)) throw wrong(key, value, 'only paths of this machine are supported');
    return path.resolve(this.flags[flag] === undefined ? this.fileDir : this.cwd, file);
  }

  load(): readonly string[] {
    return [
      ...(this.config.load ?? []).map((at) => path.resolve(this.fileDir, at)),
      ...(this.flags.load ?? []).map((at) => path.resolve(this.cwd, at)),
    ];
  }
}

function hostPort(name: string, value: string): string {
  const problem = hostPortProblem(value);
  if (problem !== undefined) throw wrong(name, value, problem);
  return value;
}

function oneOf<T extends string>(name: string, known: readonly T[], value: string): T {
  const found = known.find((one) => one === value);
  if (found === undefined) throw wrong(name, value, `it must be one of ${known.join(', ')}`);
  return found;
}

const wrong = (name: string, value: string, instead: string): SwarmError =>
  refuse(`${name} is ${JSON.stringify(value)}; ${instead}`);

const refuse = (sentence: string): SwarmError =>
  new SwarmError('invalid-argument', 'SWARMD_SETTING', sentence);
