/** Which network a container lives in: the machine's own, or one with nothing but loopback. */
import { isIngressNetwork } from '@swarmkit/sdk/model/ingress';
import { SwarmError } from '@swarmkit/sdk/plugin/errors';
import type { Task } from '@swarmkit/sdk/wire/gen/swarmkit/objects';

export type NetworkMode = 'host' | 'loopback';

/** Throws when the task asks for a network that cannot be given: it would wait for peers in vain. */
export function networkMode(task: Task): NetworkMode {
  // Ingress is where published ports of the cluster go through; this node takes no part in it.
  const networks = task.networks.filter(
    ({ network }) => !isIngressNetwork({ spec: network?.spec }),
  );
  const names = networks.map(({ network }) => network?.spec?.annotations?.name ?? '');
  const predefined = networks.every(
    ({ network }) => network?.spec?.annotations?.labels['com.docker.swarm.predefined'] === 'true',
  );
  if (names.length === 0) return 'loopback';
  if (names.length === 1 && names[0] === 'host' && predefined) return 'host';
  throw new SwarmError(
    'unimplemented',
    'CONTAINERD_UNSUPPORTED',
    `the containerd executor cannot attach a task to network ${names.join(', ')}; use the network "host" or none`,
  );
}
