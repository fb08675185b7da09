import type { Task } from '../wire/gen/swarmkit/objects.js';

/** `DOCKER_RESOURCE_GPU=uuid1,uuid2` for what the scheduler assigned: how a container learns of it. */
export function genericResourceEnv(assigned: Task['assignedGenericResources']): readonly string[] {
  const byKind = new Map<string, string[]>();
  for (const { resource } of assigned) {
    if (resource === undefined) continue;
    const values = byKind.get(resource.value.kind) ?? [];
    values.push(resource.value.value.toString());
    byKind.set(resource.value.kind, values);
  }
  return [...byKind].map(
    ([kind, values]) => `DOCKER_RESOURCE_${kind.toUpperCase()}=${values.join(',')}`,
  );
}
