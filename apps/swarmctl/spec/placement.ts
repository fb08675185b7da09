import { Placement, type PlacementPreference } from '@swarmkit/sdk/wire/gen/swarmkit/types';
import { changedList } from './changed-list.js';
import type { ServiceFlags } from './service-flags.js';
import { count, pair, unreadable } from './units.js';

/** Undefined stays undefined when no flag of placement is given. */
export function applyPlacement(
  before: Placement | undefined,
  flags: ServiceFlags,
): Placement | undefined {
  const { constraint, constraintAdd, constraintRm, replicasMaxPerNode } = flags;
  const { placementPref, placementPrefAdd, placementPrefRm } = flags;
  if (
    (constraint ??
      constraintAdd ??
      constraintRm ??
      placementPref ??
      placementPrefAdd ??
      placementPrefRm ??
      replicasMaxPerNode) === undefined
  )
    return before;
  const base = before ?? Placement.create();
  const constraints = new Set([...(constraint ?? base.constraints), ...(constraintAdd ?? [])]);
  for (const expression of constraintRm ?? []) constraints.delete(expression);
  return {
    ...base,
    constraints: [...constraints],
    preferences: changedList(
      base.preferences,
      placementPref?.map((text) => preference('--placement-pref', text)),
      placementPrefAdd?.map((text) => preference('--placement-pref-add', text)),
      placementPrefRm?.map((text) => keyOf(preference('--placement-pref-rm', text))),
      keyOf,
    ),
    ...(replicasMaxPerNode !== undefined && {
      maxReplicas: count('--replicas-max-per-node', replicasMaxPerNode),
    }),
  };
}

const keyOf = ({ Preference }: PlacementPreference): string =>
  Preference?.value.spreadDescriptor ?? '';

function preference(flag: string, text: string): PlacementPreference {
  const [strategy, spreadDescriptor] = pair(text);
  if (strategy !== 'spread' || spreadDescriptor === '')
    throw unreadable(flag, text, 'write spread=node.labels.zone');
  return { Preference: { $case: 'spread', value: { spreadDescriptor } } };
}
