import { ContainerSpec } from '@swarmkit/sdk/wire/gen/swarmkit/specs';
import { HealthConfig, type Mount } from '@swarmkit/sdk/wire/gen/swarmkit/types';
import { mount, shortMount, shortTmpfs } from './mounts.js';
import type { ServiceFlags } from './service-flags.js';
import { count, duration, pair, pairs, unreadable } from './units.js';

/** The container half of a service spec with the given flags applied. */
export function applyContainerFlags(
  before: ContainerSpec | undefined,
  flags: ServiceFlags,
): ContainerSpec {
  const base = before ?? ContainerSpec.create();
  return {
    ...base,
    image: flags.image ?? base.image,
    labels: flags.containerLabel ? pairs('--container-label', flags.containerLabel) : base.labels,
    command: words(flags.command) ?? base.command,
    args: words(flags.args) ?? base.args,
    env: applyEnv(base.env, flags),
    dir: flags.workdir ?? base.dir,
    user: flags.user ?? base.user,
    hostname: flags.hostname ?? base.hostname,
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
    ulimits: flags.ulimit?.map((text) => ulimit('--ulimit', text)) ?? base.ulimits,
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
  const { healthCmd, healthInterval, healthTimeout, healthRetries, healthStartPeriod } = flags;
  if (
    (healthCmd ?? healthInterval ?? healthTimeout ?? healthRetries ?? healthStartPeriod) ===
    undefined
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
