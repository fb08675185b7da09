import type { ContainerSpec } from '@swarmkit/sdk/wire/gen/swarmkit/specs';
import type { HealthConfig } from '@swarmkit/sdk/wire/gen/swarmkit/types';
import { invalid } from '../refusals.js';
import { isTooShort } from './duration.js';
import { isImageReference } from './image-reference.js';

export function validateContainer(container: ContainerSpec): void {
  if (container.image === '') throw invalid('ContainerSpec: image reference must be provided');
  if (!isImageReference(container.image))
    throw invalid(
      `ContainerSpec: ${JSON.stringify(container.image)} is not a valid repository/tag`,
    );
  const targets = new Set<string>();
  for (const { target } of container.mounts) {
    if (targets.has(target)) throw invalid(`ContainerSpec: duplicate mount point: ${target}`);
    targets.add(target);
  }
  if (container.healthcheck !== undefined) validateHealth(container.healthcheck);
}

function validateHealth(health: HealthConfig): void {
  const spans = {
    Interval: health.interval,
    Timeout: health.timeout,
    StartPeriod: health.startPeriod,
    StartInterval: health.startInterval,
  };
  for (const [name, span] of Object.entries(spans))
    if (isTooShort(span))
      throw invalid(`ContainerSpec: ${name} in HealthConfig cannot be less than 1ms`);
  if (health.retries < 0)
    throw invalid('ContainerSpec: Retries in HealthConfig cannot be negative');
}
