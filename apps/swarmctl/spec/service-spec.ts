import type { ServiceSpec } from '@swarmkit/sdk/wire/gen/swarmkit/specs';
import { TaskSpec } from '@swarmkit/sdk/wire/gen/swarmkit/specs';
import {
  Annotations,
  type Driver,
  RestartPolicy,
  RestartPolicy_RestartCondition,
} from '@swarmkit/sdk/wire/gen/swarmkit/types';
import { applyContainerFlags } from './container-spec.js';
import type { Meanings } from './data-references.js';
import { applyEndpoint } from './endpoint.js';
import { applyNetworks } from './networks.js';
import { applyPlacement } from './placement.js';
import { applyResources } from './resources.js';
import type { ServiceFlags } from './service-flags.js';
import { applyServiceMode } from './service-mode.js';
import { count, duration, oneOf, pairs, usage } from './units.js';
import { applyUpdateConfig } from './update-config.js';

/** What flags call by name and the wire by id; what is not there is taken for an id. */
export interface FlagMeanings {
  readonly networks?: Meanings;
  readonly secrets?: Meanings;
  readonly configs?: Meanings;
  /** What the nodes show to the image's registry; undefined: as it was. */
  readonly registryAuth?: string;
}

/**
 * A service spec with the given flags applied: what is not given stays as it was. Creation applies them
 * to an empty spec, an update to the stored one, so both read flags alike. Stored parts are spread, never
 * rebuilt: what this version does not know stays in them.
 */
export function applyServiceFlags(
  spec: ServiceSpec,
  flags: ServiceFlags,
  meanings: FlagMeanings = {},
): ServiceSpec {
  return {
    ...spec,
    annotations: applyAnnotations(spec.annotations, flags),
    mode: applyServiceMode(spec.mode, flags),
    task: applyTask(spec.task, flags, meanings),
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

function applyTask(
  before: TaskSpec | undefined,
  flags: ServiceFlags,
  meanings: FlagMeanings,
): TaskSpec {
  const base = before ?? TaskSpec.create();
  return {
    ...base,
    runtime: applyRuntime(base.runtime, flags, meanings),
    resources: applyResources(base.resources, flags),
    restart: applyRestart(base.restart, flags),
    placement: applyPlacement(base.placement, flags),
    networks: applyNetworks(base.networks, flags, meanings.networks ?? new Map()),
    logDriver: applyLogDriver(base.logDriver, flags),
    forceUpdate: flags.force ? base.forceUpdate + 1n : base.forceUpdate,
  };
}

/** Services of another kind than containers are made by other tools; here they keep what they run. */
function applyRuntime(
  before: TaskSpec['runtime'],
  flags: ServiceFlags,
  meanings: FlagMeanings,
): TaskSpec['runtime'] {
  if (before !== undefined && before.$case !== 'container') {
    if (flags.image !== undefined)
      throw usage(`--image does not go with this service: it runs no container (${before.$case})`);
    return before;
  }
  return { $case: 'container', value: applyContainerFlags(before?.value, flags, meanings) };
}

const conditions = {
  none: RestartPolicy_RestartCondition.NONE,
  'on-failure': RestartPolicy_RestartCondition.ON_FAILURE,
  any: RestartPolicy_RestartCondition.ANY,
  // SwarmKit's word.
  failure: RestartPolicy_RestartCondition.ON_FAILURE,
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
    ...(restartCondition !== undefined && {
      condition: oneOf('--restart-condition', conditions, restartCondition),
    }),
    ...(restartDelay !== undefined && { delay: duration('--restart-delay', restartDelay) }),
    ...(restartMaxAttempts !== undefined && {
      maxAttempts: count('--restart-max-attempts', restartMaxAttempts),
    }),
    ...(restartWindow !== undefined && { window: duration('--restart-window', restartWindow) }),
  };
}

function applyLogDriver(before: Driver | undefined, flags: ServiceFlags): Driver | undefined {
  const { logDriver, logOpt } = flags;
  const name = logDriver ?? before?.name;
  if (name === undefined) {
    if (logOpt !== undefined)
      throw usage('--log-opt needs a --log-driver: the service has none of its own');
    return before;
  }
  if ((logDriver ?? logOpt) === undefined) return before;
  return { ...before, name, options: pairs('--log-opt', logOpt ?? []) };
}
