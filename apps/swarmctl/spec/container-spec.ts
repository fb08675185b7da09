import { durationFromMs } from '@swarmkit/sdk/model/time';
import { ContainerSpec } from '@swarmkit/sdk/wire/gen/swarmkit/specs';
import { HealthConfig, type Mount } from '@swarmkit/sdk/wire/gen/swarmkit/types';
import { mount, shortMount } from './mounts.js';
import type { ServiceFlags } from './service-flags.js';
import { count, duration, pairs } from './units.js';

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
    command: flags.command ?? base.command,
    args: flags.args ?? base.args,
    env: applyEnv(base.env, flags),
    dir: flags.workdir ?? base.dir,
    user: flags.user ?? base.user,
    hostname: flags.hostname ?? base.hostname,
    tty: flags.tty ?? base.tty,
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
  };
}

function applyEnv(before: readonly string[], flags: ServiceFlags): readonly string[] {
  const nameOf = (text: string): string => text.split('=')[0] ?? '';
  const added = flags.envAdd ?? [];
  const gone = new Set([...(flags.envRm ?? []), ...added.map(nameOf)]);
  return [...(flags.env ?? before).filter((text) => !gone.has(nameOf(text))), ...added];
}

function applyMounts(before: readonly Mount[], flags: ServiceFlags): readonly Mount[] {
  const given = [
    ...(flags.mount ?? []).map((text) => mount('--mount', text)),
    ...(flags.bind ?? []).map((text) => shortMount('--bind', 'bind', text)),
    ...(flags.volume ?? []).map((text) => shortMount('--volume', 'volume', text)),
    ...(flags.tmpfs ?? []).map((target) => mount('--tmpfs', `type=tmpfs,target=${target}`)),
  ];
  const removed = new Set(flags.mountRm ?? []);
  return [
    ...(given.length > 0 ? given : before).filter(({ target }) => !removed.has(target)),
    ...(flags.mountAdd ?? []).map((text) => mount('--mount-add', text)),
  ];
}

function applyHealth(
  before: HealthConfig | undefined,
  flags: ServiceFlags,
): HealthConfig | undefined {
  // Commander turns --no-healthcheck into healthcheck=false.
  if ((flags as { readonly healthcheck?: boolean }).healthcheck === false)
    return HealthConfig.fromPartial({ test: ['NONE'] });
  const { healthCmd, healthInterval, healthTimeout, healthRetries, healthStartPeriod } = flags;
  if (
    (healthCmd ?? healthInterval ?? healthTimeout ?? healthRetries ?? healthStartPeriod) ===
    undefined
  )
    return before;
  const base = before ?? HealthConfig.create();
  return {
    ...base,
    test: healthCmd === undefined ? base.test : ['CMD-SHELL', healthCmd],
    interval: healthInterval ? duration('--health-interval', healthInterval) : base.interval,
    timeout: healthTimeout ? duration('--health-timeout', healthTimeout) : base.timeout,
    retries: healthRetries ? Number(count('--health-retries', healthRetries)) : base.retries,
    startPeriod: healthStartPeriod
      ? duration('--health-start-period', healthStartPeriod)
      : (base.startPeriod ?? durationFromMs(0)),
  };
}
