import type { SchedulerFilter } from '../../contracts/scheduling.js';
import type { Task } from '../../wire/gen/swarmkit/objects.js';
import { Mount_Type, type PluginDescription } from '../../wire/gen/swarmkit/types.js';
import { isIngressNetwork } from '../ingress.js';
import { onNodes } from './on-nodes.js';

/** Volume, network and log drivers that the task names must be installed on the node. */
export const pluginsFilter: SchedulerFilter = {
  id: 'plugins',
  order: 300,
  nodeOnly: true,
  applies: (task) =>
    volumeDrivers(task).length > 0 || task.networks.length > 0 || logDriver(task) !== undefined,
  passes(task, { node }) {
    const engine = node.description?.engine;
    // A node that does not describe its engine is given the benefit of the doubt.
    if (engine === undefined) return true;
    const installed = engine.plugins;
    if (!volumeDrivers(task).every((name) => has(installed, 'Volume', name))) return false;
    for (const { network } of task.networks) {
      // A node without the routing mesh runs the task all the same, as it always did; what is missing there is
      // traffic from other nodes, not the task.
      if (network !== undefined && isIngressNetwork(network)) continue;
      const driver = network?.driverState?.name ?? '';
      if (driver !== '' && !has(installed, 'Network', driver)) return false;
    }
    const log = logDriver(task);
    // Engines before 17.05 do not list log drivers at all.
    if (log === undefined || !installed.some((plugin) => plugin.type === 'Log')) return true;
    return has(installed, 'Log', log);
  },
  explain: (nodes) => `missing plugin ${onNodes(nodes)}`,
};

/** Installed plugins carry a tag; `name:latest` answers to `name`. */
const has = (installed: readonly PluginDescription[], type: string, name: string): boolean =>
  installed.some(
    (plugin) => plugin.type === type && (plugin.name === name || plugin.name === `${name}:latest`),
  );

function volumeDrivers(task: Task): readonly string[] {
  if (task.spec?.runtime?.$case !== 'container') return [];
  return task.spec.runtime.value.mounts
    .filter((mount) => mount.type === Mount_Type.VOLUME)
    .map((mount) => mount.volumeOptions?.driverConfig?.name ?? '')
    .filter((name) => name !== '' && name !== 'local');
}

function logDriver(task: Task): string | undefined {
  const name = task.spec?.logDriver?.name ?? '';
  return name === '' || name === 'none' ? undefined : name;
}
