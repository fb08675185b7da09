/**
 * Updates that can never come to an end, whatever the cluster does: start-first wants one more task than
 * there are replicas, and something in the spec leaves no room for one. The control API refuses such a
 * spec, and the updater pauses where one comes from elsewhere.
 */
import type { Node } from '../wire/gen/swarmkit/objects.js';
import { NodeSpec_Availability, type ServiceSpec } from '../wire/gen/swarmkit/specs.js';
import {
  PortConfig_PublishMode,
  type UpdateConfig,
  UpdateConfig_UpdateOrder,
} from '../wire/gen/swarmkit/types.js';
import { meetsConstraints, parseConstraintsOrNone } from './constraint.js';

/**
 * Why an update of the service by this configuration has no room, in a sentence; undefined where it has.
 * Nodes count whatever their state is, since they come back, but not where a user drained them. With no
 * node at all nothing is known.
 */
export function noRoomFor(
  spec: ServiceSpec,
  config: UpdateConfig | undefined,
  nodes: readonly Node[],
): string | undefined {
  if (config?.order !== UpdateConfig_UpdateOrder.START_FIRST) return undefined;
  const limit = tasksPerNode(spec);
  if (limit === undefined) return undefined;
  if (spec.mode?.$case === 'global')
    return limit.count > 1
      ? undefined
      : `start-first needs a second task on each node, but ${limit.why}`;
  if (spec.mode?.$case !== 'replicated') return undefined;
  const { replicas } = spec.mode.value;
  const constraints = parseConstraintsOrNone(spec.task?.placement?.constraints ?? []);
  const fit = nodes.filter(
    (node) =>
      node.spec?.availability !== NodeSpec_Availability.DRAIN &&
      meetsConstraints(node, constraints),
  ).length;
  if (replicas === 0n || fit === 0 || BigInt(fit) * limit.count > replicas) return undefined;
  return `start-first needs room for ${replicas + 1n} tasks, but ${limit.why}, and there ${
    fit === 1 ? 'is 1 node' : `are ${fit} nodes`
  } for them`;
}

interface Limit {
  readonly count: bigint;
  readonly why: string;
}

function tasksPerNode(spec: ServiceSpec): Limit | undefined {
  const port = (spec.endpoint?.ports ?? []).find(
    (each) => each.publishMode === PortConfig_PublishMode.HOST && each.publishedPort !== 0,
  );
  if (port !== undefined)
    return { count: 1n, why: `host port ${port.publishedPort} can be used once on a node` };
  const count = spec.task?.placement?.maxReplicas ?? 0n;
  return count === 0n
    ? undefined
    : { count, why: `a node takes at most ${count} (max replicas per node)` };
}
