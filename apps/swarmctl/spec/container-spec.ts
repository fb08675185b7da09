import {
  ContainerSpec,
  ContainerSpec_DNSConfig,
  ContainerSpec_Isolation,
} from '@swarmkit/sdk/wire/gen/swarmkit/specs';
import { HealthConfig, type Mount } from '@swarmkit/sdk/wire/gen/swarmkit/types';
import { applyCredentialSpec } from './credential-spec.js';
import { changedList, changedWords } from './changed-list.js';
import { applyConfigs, applySecrets } from './data-references.js';
import { mount, shortMount, shortTmpfs } from './mounts.js';
import type { ServiceFlags } from './service-flags.js';
import type { FlagMeanings } from './service-spec.js';
import { count, duration, oneOf, pair, pairs, unreadable } from './units.js';

/** The container half of a service spec with the given flags applied. */
export function applyContainerFlags(
  before: ContainerSpec | undefined,
  flags: ServiceFlags,
  meanings: FlagMeanings,
): ContainerSpec {
  const base = before ?? ContainerSpec.create();
  return {
    ...base,
    image: flags.image ?? base.image,
    labels: applyPairs('container-label', base.labels, [
      flags.containerLabel,
      flags.containerLabelAdd,
      flags.containerLabelRm,
    ]),
    command: words(flags.command ?? flags.entrypoint?.trim().split(/\s+/)) ?? base.command,
    args: words(flags.args) ?? base.args,
    env: applyEnv(base.env, flags),
    dir: flags.workdir ?? base.dir,
    user: flags.user ?? base.user,
    hostname: flags.hostname ?? base.hostname,
    groups: changedWords(base.groups, flags.group, flags.groupAdd, flags.groupRm),
    hosts: applyHosts(base.hosts, flags),
    dnsConfig: applyDns(base.dnsConfig, flags),
    secrets: applySecrets(
      base.secrets,
      { set: flags.secret, add: flags.secretAdd, rm: flags.secretRm },
      meanings.secrets ?? new Map(),
    ),
    ...applyCredentialSpec(
      base,
      applyConfigs(
        base.configs,
        { set: flags.config, add: flags.configAdd, rm: flags.configRm },
        meanings.configs ?? new Map(),
      ),
      flags.credentialSpec,
      meanings.configs ?? new Map(),
    ),
    pullOptions:
      meanings.registryAuth === undefined
        ? base.pullOptions
        : { ...base.pullOptions, registryAuth: meanings.registryAuth },
    ...applyCapabilities(base, flags),
    sysctls: applyPairs('sysctl', base.sysctls, [flags.sysctl, flags.sysctlAdd, flags.sysctlRm]),
    isolation:
      flags.isolation === undefined
        ? base.isolation
        : oneOf('--isolation', isolations, flags.isolation),
    tty: flags.tty ?? base.tty,
    openStdin: flags.openStdin ?? base.openStdin,
    readOnly: flags.readOnly ?? base.readOnly,
    init: flags.init ?? base.init,
    stopSignal: flags.stopSignal ?? base.stopSignal,
    stopGracePeriod:
      flags.stopGracePeriod === undefined
        ? base.stopGracePeriod
        : duration('--stop-grace-period', flags.stopGracePeriod),
    mounts: applyMounts(base.mounts, flags),
    healthcheck: applyHealth(base.healthcheck, flags),
    pidsLimit:
      flags.limitPids === undefined ? base.pidsLimit : count('--limit-pids', flags.limitPids),
    ulimits: changedList(
      base.ulimits,
      flags.ulimit?.map((text) => ulimit('--ulimit', text)),
      flags.ulimitAdd?.map((text) => ulimit('--ulimit-add', text)),
      flags.ulimitRm,
      ({ name }) => name,
    ),
    oomScoreAdj:
      flags.oomScoreAdj === undefined
        ? base.oomScoreAdj
        : oomScore('--oom-score-adj', flags.oomScoreAdj),
  };
}

/** A single empty word stands for no words, so that an update can go back to the image's own. */
const words = (given: readonly string[] | undefined): readonly string[] | undefined =>
  given?.length === 1 && given[0] === '' ? [] : given;

function applyEnv(before: readonly string[], flags: ServiceFlags): readonly string[] {
  const nameOf = (text: string): string => pair(text)[0];
  const added = flags.envAdd ?? [];
  const gone = new Set([...(flags.envRm ?? []), ...added.map(nameOf)]);
  return [...(flags.env ?? before).filter((text) => !gone.has(nameOf(text))), ...added];
}

function applyPairs(
  flag: string,
  before: Readonly<Record<string, string>>,
  [set, add, rm]: readonly (readonly string[] | undefined)[],
): Readonly<Record<string, string>> {
  if ((set ?? add ?? rm) === undefined) return before;
  const gone = new Set(rm);
  const base = set === undefined ? before : pairs(`--${flag}`, set);
  const kept = Object.entries(base).filter(([key]) => !gone.has(key));
  return { ...Object.fromEntries(kept), ...pairs(`--${flag}-add`, add ?? []) };
}

/** On the wire as in a hosts file: `10.0.0.9 db`. */
function applyHosts(before: readonly string[], flags: ServiceFlags): readonly string[] {
  const line = (flag: string) => (text: string) => {
    const match = /^([^:=]+)[:=](.+)$/.exec(text);
    if (match === null) throw unreadable(flag, text, 'write name:ip');
    return `${match[2]} ${match[1]}`;
  };
  return changedWords(
    before,
    flags.host?.map(line('--host')),
    flags.hostAdd?.map(line('--host-add')),
    flags.hostRm?.map(line('--host-rm')),
  );
}

function applyDns(
  before: ContainerSpec['dnsConfig'],
  flags: ServiceFlags,
): ContainerSpec['dnsConfig'] {
  const base = before ?? ContainerSpec_DNSConfig.create();
  const nameservers = changedWords(base.nameservers, flags.dns, flags.dnsAdd, flags.dnsRm);
  const options = changedWords(
    base.options,
    flags.dnsOption,
    flags.dnsOptionAdd,
    flags.dnsOptionRm,
  );
  const search = changedWords(base.search, flags.dnsSearch, flags.dnsSearchAdd, flags.dnsSearchRm);
  const isSame =
    nameservers === base.nameservers && options === base.options && search === base.search;
  return isSame ? before : { ...base, nameservers, options, search };
}

/** What is added is no longer dropped, and the other way about. */
function applyCapabilities(
  { capabilityAdd, capabilityDrop }: ContainerSpec,
  { capAdd, capDrop }: ServiceFlags,
): Pick<ContainerSpec, 'capabilityAdd' | 'capabilityDrop'> {
  const added = (capAdd ?? []).map(capability);
  const dropped = (capDrop ?? []).map(capability);
  const merged = (before: readonly string[], more: readonly string[], less: readonly string[]) => [
    ...new Set([...before.filter((one) => !less.includes(one)), ...more]),
  ];
  return {
    capabilityAdd: merged(capabilityAdd, added, dropped),
    capabilityDrop: merged(capabilityDrop, dropped, added),
  };
}

/** `net_admin` and `CAP_NET_ADMIN` are the same; `ALL` stays. */
function capability(text: string): string {
  const name = text.toUpperCase();
  return name === 'ALL' || name.startsWith('CAP_') ? name : `CAP_${name}`;
}

const isolations = {
  default: ContainerSpec_Isolation.DEFAULT,
  process: ContainerSpec_Isolation.PROCESS,
  hyperv: ContainerSpec_Isolation.HYPERV,
} as const;

function applyMounts(before: readonly Mount[], flags: ServiceFlags): readonly Mount[] {
  const given = [
    ...(flags.mount ?? []).map((text) => mount('--mount', text)),
    ...(flags.bind ?? []).map((text) => shortMount('--bind', 'bind', text)),
    ...(flags.volume ?? []).map((text) => shortMount('--volume', 'volume', text)),
    ...(flags.tmpfs ?? []).map((text) => shortTmpfs('--tmpfs', text)),
  ];
  const added = (flags.mountAdd ?? []).map((text) => mount('--mount-add', text));
  const gone = new Set([...(flags.mountRm ?? []), ...added.map(({ target }) => target)]);
  return [
    ...(given.length > 0 ? given : before).filter(({ target }) => !gone.has(target)),
    ...added,
  ];
}

function applyHealth(
  before: HealthConfig | undefined,
  flags: ServiceFlags,
): HealthConfig | undefined {
  if (flags.healthcheck === false) return HealthConfig.fromPartial({ test: ['NONE'] });
  const { healthCmd, healthInterval, healthTimeout, healthRetries } = flags;
  const { healthStartPeriod, healthStartInterval } = flags;
  if (
    (healthCmd ??
      healthInterval ??
      healthTimeout ??
      healthRetries ??
      healthStartPeriod ??
      healthStartInterval) === undefined
  )
    return before;
  return {
    ...(before ?? HealthConfig.create()),
    ...(healthCmd !== undefined && { test: ['CMD-SHELL', healthCmd] }),
    ...(healthInterval !== undefined && {
      interval: duration('--health-interval', healthInterval),
    }),
    ...(healthTimeout !== undefined && { timeout: duration('--health-timeout', healthTimeout) }),
    ...(healthRetries !== undefined && {
      retries: Number(count('--health-retries', healthRetries)),
    }),
    ...(healthStartPeriod !== undefined && {
      startPeriod: duration('--health-start-period', healthStartPeriod),
    }),
    ...(healthStartInterval !== undefined && {
      startInterval: duration('--health-start-interval', healthStartInterval),
    }),
  };
}

/** `nofile=1024:2048`, `nproc=512`, `core=-1` for no limit. */
function ulimit(flag: string, text: string): ContainerSpec['ulimits'][number] {
  const match = /^(\w+)=(-1|\d+)(?::(-1|\d+))?$/.exec(text);
  if (match === null) throw unreadable(flag, text, 'write name=soft or name=soft:hard');
  const [, name = '', soft = '', hard = soft] = match;
  return { name, soft: BigInt(soft), hard: BigInt(hard) };
}

function oomScore(flag: string, text: string): bigint {
  const value = /^-?\d+$/.test(text) ? Number(text) : Number.NaN;
  if (!(value >= -1000 && value <= 1000))
    throw unreadable(flag, text, 'write a whole number from -1000 to 1000');
  return BigInt(value);
}
