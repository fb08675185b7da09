import { Placement, type PlacementPreference } from '@swarmkit/sdk/wire/gen/swarmkit/types';
import type { ServiceFlags } from './service-flags.js';
import { count, pair, unreadable } from './units.js';

/** Undefined stays undefined when no flag of placement is given. */
export function applyPlacement(
  before: Placement | undefined,
  flags: ServiceFlags,
): Placement | undefined {
  const { constraint, constraintAdd, constraintRm, placementPref, replicasMaxPerNode } = flags;
  if (
    (constraint ?? constraintAdd ?? constraintRm ?? placementPref ?? replicasMaxPerNode) ===
    undefined
  )
    return before;
  const base = before ?? Placement.create();
  const constraints = new Set([...(constraint ?? base.constraints), ...(constraintAdd ?? [])]);
  for (const expression of constraintRm ?? []) constraints.delete(expression);
  return {
    ...base,
    constraints: [...constraints],
    ...(placementPref !== undefined && { preferences: placementPref.map(preference) }),
    ...(replicasMaxPerNode !== undefined && {
      maxReplicas: count('--replicas-max-per-node', replicasMaxPerNode),
    }),
  };
}

function preference(text: string): PlacementPreference {
  const [strategy, spreadDescriptor] = pair(text);
  if (strategy !== 'spread' || spreadDescriptor === '')
    throw unreadable('--placement-pref', text, 'write spread=node.labels.zone');
  return { Preference: { $case: 'spread', value: { spreadDescriptor } } };
}
