import {
  EndpointSpec_ResolutionMode,
  type ServiceSpec,
  TaskSpec,
} from '@swarmkit/sdk/wire/gen/swarmkit/specs';
import {
  Annotations,
  Placement,
  Resources,
  RestartPolicy,
  RestartPolicy_RestartCondition,
} from '@swarmkit/sdk/wire/gen/swarmkit/types';
import { applyContainerFlags } from './container-spec.js';
import { port } from './ports.js';
import type { ServiceFlags } from './service-flags.js';
import { applyUpdateConfig } from './update-config.js';
import { bytes, count, duration, nanoCpus, oneOf, pairs, usage } from './units.js';

/**
 * A service spec with the given flags applied: what is not given stays as it was. Creation applies them
 * to an empty spec, an update to the stored one, so both read flags alike.
 */
export function applyServiceFlags(
  spec: ServiceSpec,
  flags: ServiceFlags,
  networkIds: readonly string[],
): ServiceSpec {
  return {
    ...spec,
    annotations: applyAnnotations(spec.annotations, flags),
    mode: applyMode(spec.mode, flags),
    task: applyTask(spec.task, flags, networkIds),
    endpoint: applyEndpoint(spec.endpoint, flags),
    update: applyUpdateConfig('update', spec.update, flags),
    rollback: applyUpdateConfig('rollback', spec.rollback, flags),
  };
}

function applyAnnotations(before: Annotations | undefined, flags: ServiceFlags): Annotations {
  const base = before ?? Annotations.create();
  const labels: Record<string, string> = {
    ...(flags.label ? pairs('--label', flags.label) : base.labels),
    ...pairs('--label-add', flags.labelAdd ?? []),
  };
  for (const key of flags.labelRm ?? []) delete labels[key];
  return { ...base, name: flags.name ?? base.name, labels };
}

function applyMode(before: ServiceSpec['mode'], flags: ServiceFlags): ServiceSpec['mode'] {
  const words = { replicated: 1, global: 1, 'replicated-job': 1, 'global-job': 1 } as const;
  if (flags.mode !== undefined) oneOf('--mode', words, flags.mode);
  const mode =
    flags.mode ??
    {
      replicated: 'replicated',
      global: 'global',
      replicatedJob: 'replicated-job',
      globalJob: 'global-job',
    }[before?.$case ?? 'replicated'];
  const replicas = flags.replicas === undefined ? undefined : count('--replicas', flags.replicas);
  if (replicas !== undefined && (mode === 'global' || mode === 'global-job'))
    throw usage(
      `--replicas does not go with the mode ${mode}: a ${mode} service has one task a node`,
    );
  switch (mode) {
    case 'global':
      return { $case: 'global', value: {} };
    case 'global-job':
      return { $case: 'globalJob', value: {} };
    case 'replicated-job': {
      const old = before?.$case === 'replicatedJob' ? before.value : undefined;
      const total = replicas ?? old?.totalCompletions ?? 1n;
      return {
        $case: 'replicatedJob',
        value: { maxConcurrent: old?.maxConcurrent ?? total, totalCompletions: total },
      };
    }
    default: {
      const old = before?.$case === 'replicated' ? before.value.replicas : 1n;
      return { $case: 'replicated', value: { replicas: replicas ?? old } };
    }
  }
}

function applyTask(
  before: TaskSpec | undefined,
  flags: ServiceFlags,
  networkIds: readonly string[],
): TaskSpec {
  const base = before ?? TaskSpec.create();
  const container = base.runtime?.$case === 'container' ? base.runtime.value : undefined;
  return {
    ...base,
    runtime: { $case: 'container', value: applyContainerFlags(container, flags) },
    resources: applyResources(base.resources, flags),
    restart: applyRestart(base.restart, flags),
    placement: applyPlacement(base.placement, flags),
    networks:
      flags.network === undefined
        ? base.networks
        : networkIds.map((target) => ({
            target,
            aliases: [],
            addresses: [],
            driverAttachmentOpts: {},
          })),
    logDriver:
      flags.logDriver === undefined
        ? base.logDriver
        : { name: flags.logDriver, options: pairs('--log-opt', flags.logOpt ?? []) },
    forceUpdate: flags.force ? base.forceUpdate + 1n : base.forceUpdate,
  };
}

function applyResources(before: TaskSpec['resources'], flags: ServiceFlags): TaskSpec['resources'] {
  const { cpuLimit, memoryLimit, cpuReservation, memoryReservation } = withAliases(flags);
  const part = (
    base: Resources | undefined,
    kind: string,
    cpus: string | undefined,
    memory: string | undefined,
  ): Resources | undefined =>
    cpus === undefined && memory === undefined
      ? base
      : Resources.fromPartial({
          ...base,
          ...(cpus === undefined ? {} : { nanoCpus: nanoCpus(`--cpu-${kind}`, cpus) }),
          ...(memory === undefined ? {} : { memoryBytes: bytes(`--memory-${kind}`, memory) }),
        });
  const limits = part(before?.limits, 'limit', cpuLimit, memoryLimit);
  const reservations = part(before?.reservations, 'reservation', cpuReservation, memoryReservation);
  if (limits === before?.limits && reservations === before?.reservations) return before;
  return {
    swapBytes: undefined,
    memorySwappiness: undefined,
    ...before,
    limits,
    reservations,
  };
}

/** Docker's names for the four resource flags. */
function withAliases(flags: ServiceFlags): {
  readonly [K in 'cpuLimit' | 'memoryLimit' | 'cpuReservation' | 'memoryReservation']:
    | string
    | undefined;
} {
  const also = flags as Readonly<Record<string, string | undefined>>;
  return {
    cpuLimit: flags.cpuLimit ?? also.limitCpu,
    memoryLimit: flags.memoryLimit ?? also.limitMemory,
    cpuReservation: flags.cpuReservation ?? also.reserveCpu,
    memoryReservation: flags.memoryReservation ?? also.reserveMemory,
  };
}

const conditions = {
  none: RestartPolicy_RestartCondition.NONE,
  'on-failure': RestartPolicy_RestartCondition.ON_FAILURE,
  any: RestartPolicy_RestartCondition.ANY,
} as const;

function applyRestart(
  before: RestartPolicy | undefined,
  flags: ServiceFlags,
): RestartPolicy | undefined {
  const { restartCondition, restartDelay, restartMaxAttempts, restartWindow } = flags;
  if ((restartCondition ?? restartDelay ?? restartMaxAttempts ?? restartWindow) === undefined)
    return before;
  return {
    ...(before ?? { ...RestartPolicy.create(), condition: RestartPolicy_RestartCondition.ANY }),
    ...(restartCondition === undefined
      ? {}
      : { condition: oneOf('--restart-condition', conditions, restartCondition) }),
    ...(restartDelay === undefined ? {} : { delay: duration('--restart-delay', restartDelay) }),
    ...(restartMaxAttempts === undefined
      ? {}
      : { maxAttempts: count('--restart-max-attempts', restartMaxAttempts) }),
    ...(restartWindow === undefined ? {} : { window: duration('--restart-window', restartWindow) }),
  };
}

function applyPlacement(before: Placement | undefined, flags: ServiceFlags): Placement | undefined {
  const { constraint, constraintAdd, constraintRm, placementPref, replicasMaxPerNode } = flags;
  if (
    (constraint ?? constraintAdd ?? constraintRm ?? placementPref ?? replicasMaxPerNode) ===
    undefined
  )
    return before;
  const base = before ?? Placement.create();
  const removed = new Set(constraintRm ?? []);
  return {
    ...base,
    constraints: [...(constraint ?? base.constraints), ...(constraintAdd ?? [])].filter(
      (expression) => !removed.has(expression),
    ),
    preferences:
      placementPref === undefined
        ? base.preferences
        : placementPref.map((text) => {
            const [strategy, spreadDescriptor = ''] = text.split('=');
            if (strategy !== 'spread' || spreadDescriptor === '')
              throw usage(
                `--placement-pref is ${JSON.stringify(text)}; write spread=node.labels.zone`,
              );
            return { Preference: { $case: 'spread' as const, value: { spreadDescriptor } } };
          }),
    maxReplicas:
      replicasMaxPerNode === undefined
        ? base.maxReplicas
        : count('--replicas-max-per-node', replicasMaxPerNode),
  };
}

const resolutionModes = {
  vip: EndpointSpec_ResolutionMode.VIP,
  dnsrr: EndpointSpec_ResolutionMode.DNSRR,
} as const;

function applyEndpoint(
  before: ServiceSpec['endpoint'],
  flags: ServiceFlags,
): ServiceSpec['endpoint'] {
  const published = flags.publish ?? flags.ports;
  const { publishAdd, publishRm, endpointMode } = flags;
  if ((published ?? publishAdd ?? publishRm ?? endpointMode) === undefined) return before;
  const removed = new Set(publishRm ?? []);
  const ports = [
    ...(published?.map((text) => port('--publish', text)) ?? before?.ports ?? []),
    ...(publishAdd ?? []).map((text) => port('--publish-add', text)),
  ].filter(({ targetPort }) => !removed.has(String(targetPort)));
  return {
    mode:
      endpointMode === undefined
        ? (before?.mode ?? EndpointSpec_ResolutionMode.VIP)
        : oneOf('--endpoint-mode', resolutionModes, endpointMode),
    ports,
  };
}
