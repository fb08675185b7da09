import type { Task } from '@swarmkit/sdk/wire/gen/swarmkit/objects';
import { ResourceType } from '@swarmkit/sdk/wire/gen/swarmkit/types';

export interface Dependency {
  readonly kind: 'secret' | 'config';
  readonly id: string;
}

/** Secrets and configs that a task refers to: by its container, and by generic resource references. */
export function dependenciesOf(task: Task): readonly Dependency[] {
  const found: Dependency[] = [];
  const runtime = task.spec?.runtime;
  if (runtime?.$case === 'container') {
    for (const { secretId } of runtime.value.secrets) found.push({ kind: 'secret', id: secretId });
    for (const { configId } of runtime.value.configs) found.push({ kind: 'config', id: configId });
  }
  for (const { resourceId, resourceType } of task.spec?.resourceReferences ?? []) {
    if (resourceType === ResourceType.SECRET) found.push({ kind: 'secret', id: resourceId });
    if (resourceType === ResourceType.CONFIG) found.push({ kind: 'config', id: resourceId });
  }
  return found;
}
