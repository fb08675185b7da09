import type { SchedulerFilter } from '../../contracts/scheduling.js';
import type { Task } from '../../wire/gen/swarmkit/objects.js';
import { type PortConfig, PortConfig_PublishMode } from '../../wire/gen/swarmkit/types.js';
import { onNodes } from './on-nodes.js';

/** Two tasks cannot publish the same port on one host. Port 0 lets the engine choose, and never clashes. */
export const hostPortFilter: SchedulerFilter = {
  id: 'host-port',
  order: 600,
  applies: (task) => hostPorts(task).length > 0,
  passes: (task, node) =>
    hostPorts(task).every((port) => !node.hostPortInUse(port.protocol, port.publishedPort)),
  explain: (nodes) => `host-mode port already in use ${onNodes(nodes)}`,
};

/** The ports that a task holds on its host. */
export function hostPorts(task: Task): readonly PortConfig[] {
  const ports = task.endpoint?.ports;
  if (ports === undefined || ports.length === 0) return NONE;
  return ports.filter(
    (port) => port.publishMode === PortConfig_PublishMode.HOST && port.publishedPort !== 0,
  );
}
const NONE: readonly PortConfig[] = [];
