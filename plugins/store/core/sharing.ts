/**
 * Keeps equal parts of objects one object in memory. What came over the wire is a tree of its own for
 * each task; on the leader the tasks of a service share one spec because they were made from it. Here
 * decoded objects are given the same shape: parts equal to those of the object before, or of the task's
 * service, are replaced by them. Never changes what an object says.
 */
import type { ObjectKind, Objects } from '@swarmkit/sdk/contracts/store';
import { wireEqual } from '@swarmkit/sdk/model/wire-equal';
import { type Service, Task } from '@swarmkit/sdk/wire/gen/swarmkit/objects';
import type { Version } from '@swarmkit/sdk/wire/gen/swarmkit/types';

type AnyObject = Objects[ObjectKind];

/** The later object, with the unchanged parts of the earlier one. */
export function sharePartsOf<T extends AnyObject>(before: T, after: T): T {
  const from = before as unknown as Readonly<Record<string, unknown>>;
  const shared: Record<string, unknown> = { ...after };
  for (const key in shared) {
    const part = shared[key];
    if (typeof part === 'object' && part !== from[key] && wireEqual(part, from[key]))
      shared[key] = from[key];
  }
  return shared as unknown as T;
}

/** A new task, with the parts of the service it was made from. */
export function shareSpecOf(service: Service | undefined, decoded: Task): Task {
  const task = sharePartsOf(unset, decoded);
  if (service === undefined) return task;
  const spec = sameVersion(task.specVersion, service.specVersion)
    ? service.spec
    : sameVersion(task.specVersion, service.previousSpecVersion)
      ? service.previousSpec
      : undefined;
  if (spec === undefined) return task;
  const shared: { -readonly [K in keyof Task]: Task[K] } = { ...task };
  if (wireEqual(task.spec, spec.task)) shared.spec = spec.task;
  if (wireEqual(task.serviceAnnotations, spec.annotations))
    shared.serviceAnnotations = spec.annotations;
  if (task.endpoint !== undefined && wireEqual(task.endpoint.spec, spec.endpoint))
    shared.endpoint = { ...task.endpoint, spec: spec.endpoint };
  return shared;
}

/** Has what most tasks never get one of their own of: no name, no networks, no volumes. */
const unset = Task.fromPartial({ annotations: {} });

const sameVersion = (a: Version | undefined, b: Version | undefined): boolean =>
  (a?.index ?? 0n) === (b?.index ?? 0n);
