import type { SchedulerFilter } from '../../contracts/scheduling.js';
import { type Constraint, meetsConstraints, parseConstraintsOrNone } from '../constraint.js';
import type { Task } from '../../wire/gen/swarmkit/objects.js';
import { onNodes } from './on-nodes.js';

/** Constraints that do not parse count as none: the API refuses them, so they come from elsewhere. */
export const constraintsFilter: SchedulerFilter = {
  id: 'constraints',
  order: 400,
  nodeOnly: true,
  applies: (task) => constraintsOf(task).length > 0,
  passes: (task, { node }) => meetsConstraints(node, constraintsOf(task)),
  explain: (nodes) => `scheduling constraints not satisfied ${onNodes(nodes)}`,
};

/** A spec is asked about once a node, so what was parsed is kept for as long as the spec lives. */
const parsed = new WeakMap<readonly string[], readonly Constraint[]>();

function constraintsOf(task: Task): readonly Constraint[] {
  const entries = task.spec?.placement?.constraints;
  if (entries === undefined || entries.length === 0) return NONE;
  let constraints = parsed.get(entries);
  if (constraints === undefined) {
    constraints = parseConstraintsOrNone(entries);
    parsed.set(entries, constraints);
  }
  return constraints;
}
const NONE: readonly Constraint[] = [];
