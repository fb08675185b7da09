/**
 * Is a task out of date with its service, so that an update has to replace it? The orchestrator acts on
 * the answer and the control API shows it, so there is one place that knows.
 */
import type { Node, Service, Task } from '../wire/gen/swarmkit/objects.js';
import type { TaskSpec } from '../wire/gen/swarmkit/specs.js';
import { TaskState } from '../wire/gen/swarmkit/types.js';
import { meetsConstraints, parseConstraintsOrNone } from './constraint.js';
import { isWantedRunning, observedState } from './task.js';
import { wireEqual } from './wire-equal.js';

/** `node` is the one the task is on; undefined when it is on none, or on one that is gone. */
export type DirtyCheck = (task: Task, node: Node | undefined) => boolean;

export const isTaskDirty = (service: Service, task: Task, node: Node | undefined): boolean =>
  dirtyCheck(service)(task, node);

/**
 * For many tasks of one service: each distinct spec object is compared once, and tasks of one service
 * share theirs. Keep it no longer than the service object.
 */
export function dirtyCheck(service: Service): DirtyCheck {
  const wanted = service.spec?.task;
  const compared = new Map<TaskSpec | undefined, Difference>();
  const constraints = lazy(() => parseConstraintsOrNone(wanted?.placement?.constraints ?? []));

  const difference = (spec: TaskSpec | undefined): Difference => {
    const known = compared.get(spec) ?? compare(wanted, spec);
    compared.set(spec, known);
    return known;
  };

  return (task, node) => {
    if (isSameVersion(service, task)) return false;
    // The ports a task was made with, or got from its service since.
    if (!wireEqual(service.spec?.endpoint, task.endpoint?.spec)) return true;
    switch (difference(task.spec)) {
      case 'none':
        return false;
      case 'placement':
        return node === undefined || !meetsConstraints(node, constraints());
      case 'pullOptions':
        return !hasPulled(task);
      case 'more':
        return true;
    }
  };
}

/**
 * Up to date whatever its state and its node: then so is every task of the same spec version and
 * endpoint.
 */
export const isCleanForGood = (service: Service, task: Task): boolean =>
  isSameVersion(service, task) ||
  (wireEqual(service.spec?.endpoint, task.endpoint?.spec) &&
    compare(service.spec?.task, task.spec) === 'none');

/** Out of date whatever its state and its node: then so is every task of the same spec version and endpoint. */
export const isDirtyForGood = (service: Service, task: Task): boolean =>
  !isSameVersion(service, task) &&
  (!wireEqual(service.spec?.endpoint, task.endpoint?.spec) ||
    compare(service.spec?.task, task.spec) === 'more');

/** What two specs differ in, when it is one thing alone. */
type Difference = 'none' | 'placement' | 'pullOptions' | 'more';

function compare(wanted: TaskSpec | undefined, spec: TaskSpec | undefined): Difference {
  if (wanted === undefined || spec === undefined) return wanted === spec ? 'none' : 'more';
  if (wireEqual(wanted, spec)) return 'none';
  if (wireEqual({ ...wanted, placement: spec.placement }, spec)) return 'placement';
  if (wireEqual(withPullOptionsOf(spec, wanted), spec)) return 'pullOptions';
  return 'more';
}

function withPullOptionsOf(from: TaskSpec, to: TaskSpec): TaskSpec {
  if (from.runtime?.$case !== 'container' || to.runtime?.$case !== 'container') return to;
  const pullOptions = from.runtime.value.pullOptions;
  return { ...to, runtime: { $case: 'container', value: { ...to.runtime.value, pullOptions } } };
}

/** Other credentials are no reason to replace a task that has its image already. */
const hasPulled = (task: Task): boolean =>
  isWantedRunning(task) &&
  observedState(task) >= TaskState.READY &&
  observedState(task) <= TaskState.RUNNING;

const isSameVersion = (service: Service, task: Task): boolean =>
  service.specVersion !== undefined && service.specVersion.index === task.specVersion?.index;

function lazy<T extends object>(make: () => T): () => T {
  let made: T | undefined;
  return () => {
    made ??= make();
    return made;
  };
}
