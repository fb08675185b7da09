import { expandContainer, templateContext } from '@swarmkit/sdk/model/template/expand-task';
import { messageOf } from '@swarmkit/sdk/plugin/errors';
import { Task } from '@swarmkit/sdk/wire/gen/swarmkit/objects';
import type { ContainerSpec } from '@swarmkit/sdk/wire/gen/swarmkit/specs';
import { type HealthConfig, NodeDescription } from '@swarmkit/sdk/wire/gen/swarmkit/types';
import { invalid } from '../refusals.js';
import { isTooShort } from './duration.js';
import { isImageReference } from './image-reference.js';

export function validateContainer(written: ContainerSpec): void {
  const container = expandedOnTrial(written);
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

/**
 * With made-up values, to find placeholders that no node could fill in. A service's labels are not known
 * here: one that refers to them is refused, as SwarmKit does.
 */
function expandedOnTrial(container: ContainerSpec): ContainerSpec {
  try {
    return expandContainer(container, trial);
  } catch (error) {
    throw invalid(messageOf(error));
  }
}

const trial = templateContext(
  Task.fromPartial({
    id: 'taskid',
    serviceId: 'serviceid',
    nodeId: 'nodeid',
    slot: 1n,
    annotations: { name: 'taskname' },
    serviceAnnotations: { name: 'servicename' },
  }),
  NodeDescription.fromPartial({
    hostname: 'hostname',
    platform: { os: 'os', architecture: 'architecture' },
  }),
);

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
