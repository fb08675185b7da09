import type { ServiceSpec } from '@swarmkit/sdk/wire/gen/swarmkit/specs';
import type { ServiceFlags } from './service-flags.js';
import { count, oneOf, usage } from './units.js';

type Mode = NonNullable<ServiceSpec['mode']>;

const modes = {
  replicated: 'replicated',
  global: 'global',
  'replicated-job': 'replicatedJob',
  'global-job': 'globalJob',
} as const satisfies Readonly<Record<string, Mode['$case']>>;

/** As people write and read it. */
export const modeName = (mode: ServiceSpec['mode']): string =>
  Object.entries(modes).find(([, wire]) => wire === (mode?.$case ?? 'replicated'))?.[0] ?? '';

/** The manager refuses to change the mode of a service; here a new one is written out all the same. */
export function applyServiceMode(before: ServiceSpec['mode'], flags: ServiceFlags): Mode {
  const wanted = flags.mode === undefined ? before?.$case : oneOf('--mode', modes, flags.mode);
  const replicas = flags.replicas === undefined ? undefined : count('--replicas', flags.replicas);
  const atOnce =
    flags.maxConcurrent === undefined ? undefined : count('--max-concurrent', flags.maxConcurrent);
  if (atOnce !== undefined && wanted !== 'replicatedJob')
    throw usage('--max-concurrent is for services of the mode replicated-job');
  switch (wanted) {
    case 'global':
    case 'globalJob':
      if (replicas !== undefined)
        throw usage(
          `--replicas does not go with a ${wanted === 'global' ? 'global service' : 'global job'}: it has one task on each node`,
        );
      return before?.$case === wanted ? before : { $case: wanted, value: {} };
    case 'replicatedJob': {
      const old = before?.$case === wanted ? before.value : undefined;
      const total = replicas ?? old?.totalCompletions ?? 1n;
      return {
        $case: wanted,
        value: {
          ...old,
          maxConcurrent: atOnce ?? old?.maxConcurrent ?? total,
          totalCompletions: total,
        },
      };
    }
    default: {
      const old = before?.$case === 'replicated' ? before.value : undefined;
      return { $case: 'replicated', value: { ...old, replicas: replicas ?? old?.replicas ?? 1n } };
    }
  }
}
