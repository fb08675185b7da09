/** Volumes of the cluster: declared here, made and published by a storage plugin. */
import type { View } from '@swarmkit/sdk/contracts/store';
import { wireEqual } from '@swarmkit/sdk/model/wire-equal';
import type {
  CreateVolumeRequest,
  RemoveVolumeRequest,
  UpdateVolumeRequest,
} from '@swarmkit/sdk/wire/gen/swarmkit/control';
import { Volume } from '@swarmkit/sdk/wire/gen/swarmkit/objects';
import type { VolumeSpec } from '@swarmkit/sdk/wire/gen/swarmkit/specs';
import { inUse, invalid, missingArgument, missingReference, notFound } from './refusals.js';
import { atVersion, create, remove, update, type WriteContext } from './write-context.js';

/** A name that is taken is told in the store's own words, as SwarmKit does. */
export function createVolume(context: WriteContext, { spec }: CreateVolumeRequest): Volume {
  validateVolume(spec);
  checkSecretsExist(context.draft, spec);
  return create(context, 'volume', Volume.create({ id: context.id(), spec }));
}

function validateVolume(spec: VolumeSpec | undefined): asserts spec is VolumeSpec {
  if (spec === undefined) throw invalid('spec must not be nil');
  if (spec.driver === undefined) throw invalid('driver must be specified');
  // Any other name is fine: it is the plugin's affair what it makes of it.
  if ((spec.annotations?.name ?? '') === '') throw invalid('meta: name must be provided');
  if (spec.accessMode === undefined) throw invalid('AccessMode must not be nil');
  if (spec.accessMode.accessType === undefined)
    throw invalid('Volume AccessMode must specify either Mount or Block access type');
}

function checkSecretsExist(view: View, { secrets }: VolumeSpec): void {
  const missing = secrets
    .map(({ secret }) => secret)
    .filter((id) => view.get('secret', id) === undefined);
  if (missing.length > 0)
    throw missingReference(
      `secret${missing.length > 1 ? 's' : ''} not found: ${missing.join(', ')}`,
    );
}

/** The plugin made the volume from its spec: what it was made from stays. */
export function updateVolume(
  context: WriteContext,
  { volumeId, volumeVersion, spec }: UpdateVolumeRequest,
): Volume {
  if (volumeId === '') throw invalid('VolumeID must not be empty');
  if (spec === undefined) throw invalid('Spec must not be empty');
  if (volumeVersion === undefined) throw invalid('VolumeVersion must not be empty');
  const old = context.draft.get('volume', volumeId);
  if (old?.spec === undefined) throw notFound('volume', volumeId);
  checkMayChange(old.spec, spec);
  const kept: VolumeSpec = {
    ...old.spec,
    annotations: old.spec.annotations && {
      ...old.spec.annotations,
      labels: spec.annotations?.labels ?? {},
    },
    availability: spec.availability,
  };
  return update(context, 'volume', atVersion({ ...old, spec: kept }, volumeVersion), old);
}

function checkMayChange(old: VolumeSpec, spec: VolumeSpec): void {
  const parts: readonly [name: string, of: (spec: VolumeSpec) => unknown][] = [
    ['Name', ({ annotations }) => annotations?.name ?? ''],
    ['Group', ({ group }) => group],
    ['AccessibilityRequirements', (one) => one.AccessibilityRequirements],
    ['Driver', ({ driver }) => driver],
    ['AccessMode', ({ accessMode }) => accessMode],
    ['Secrets', ({ secrets }) => secrets],
    ['CapacityRange', ({ capacityRange }) => capacityRange],
  ];
  for (const [name, of] of parts)
    if (!wireEqual(of(old), of(spec))) throw invalid(`${name} cannot be updated`);
}

/**
 * Marked, for the plugin to delete it. By force, or when no plugin has made it yet, the object goes at
 * once: then there is nothing to delete, or nobody is to be asked.
 */
export function removeVolume(
  context: WriteContext,
  { volumeId, force }: RemoveVolumeRequest,
): void {
  if (volumeId === '') throw missingArgument();
  const volume = context.draft.get('volume', volumeId);
  if (volume === undefined) throw notFound('volume', volumeId);
  if (!force && volume.publishStatus.length > 0)
    throw inUse('volume is still in use', 'failed-precondition');
  if (force || (volume.volumeInfo?.volumeId ?? '') === '') remove(context, 'volume', volume);
  else if (!volume.pendingDelete)
    update(context, 'volume', { ...volume, pendingDelete: true }, volume);
}
