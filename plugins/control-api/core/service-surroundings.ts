/** What a service spec asks of the rest of the cluster: free ports, networks, secrets and configs that exist. */
import { isIngressNetwork, needsIngress } from '@swarmkit/sdk/model/ingress';
import type { View } from '@swarmkit/sdk/contracts/store';
import { noRoomFor } from '@swarmkit/sdk/model/update-room';
import type { Service } from '@swarmkit/sdk/wire/gen/swarmkit/objects';
import type { ServiceSpec } from '@swarmkit/sdk/wire/gen/swarmkit/specs';
import { type PortConfig, PortConfig_PublishMode } from '@swarmkit/sdk/wire/gen/swarmkit/types';
import { invalid, missingReference, portInUse, precondition, tooManyTasks } from './refusals.js';

/** Services get to the ingress network by publishing a port, never by name. */
export function checkNoIngressAttachment(view: View, spec: ServiceSpec): void {
  for (const { target } of [...(spec.task?.networks ?? []), ...spec.networks]) {
    const network = view.get('network', target);
    if (network !== undefined && isIngressNetwork(network))
      throw invalid(
        `Service cannot be explicitly attached to the ingress network "${network.spec?.annotations?.name ?? ''}"`,
      );
  }
}

export function checkIngressPresent(view: View, spec: ServiceSpec | undefined): void {
  if (needsIngress(spec) && !view.find('network', { by: 'all' }).some(isIngressNetwork))
    throw precondition('service needs ingress network, but no ingress network is present');
}

/**
 * A port in ingress mode is taken on every node, one in host mode only where a task runs: two of the
 * latter do not clash. `serviceId` is the service itself; undefined for a new one.
 */
export function checkPortsFree(view: View, spec: ServiceSpec, serviceId: string | undefined): void {
  const wanted = new Map<string, PortConfig>();
  for (const port of spec.endpoint?.ports ?? [])
    if (port.publishedPort !== 0) wanted.set(portKey(port), port);
  if (wanted.size === 0) return;
  for (const other of view.find('service', { by: 'all' })) {
    if (other.id === serviceId) continue;
    const taken = [...(other.spec?.endpoint?.ports ?? []), ...(other.endpoint?.ports ?? [])];
    for (const port of taken) {
      const clash = port.publishedPort === 0 ? undefined : wanted.get(portKey(port));
      if (clash === undefined || (isHost(clash) && isHost(port))) continue;
      const how = isHost(port) ? 'as a host-published port' : 'as an ingress port';
      throw portInUse(
        `port '${port.publishedPort}' is already in use by service '${other.spec?.annotations?.name ?? ''}' (${other.id}) ${how}`,
      );
    }
  }
}

const portKey = (port: PortConfig): string => `${port.protocol}/${port.publishedPort}`;

const isHost = (port: PortConfig): boolean => port.publishMode === PortConfig_PublishMode.HOST;

/** An update that could never come to an end is refused before it begins; so is a rollback. */
export function checkUpdateRoom(view: View, spec: ServiceSpec): void {
  const nodes = view.find('node', { by: 'all' });
  const update = noRoomFor(spec, spec.update, nodes);
  if (update !== undefined) throw invalid(`UpdateConfig: ${update}`);
  const rollback = noRoomFor(spec, spec.rollback, nodes);
  if (rollback !== undefined) throw invalid(`RollbackConfig: ${rollback}`);
}

/**
 * How many tasks all services may want together: each costs memory on every manager, so a count with
 * zeros too many must not get as far as the orchestrator. A service that does not grow may always change.
 */
export function checkTaskCount(
  view: View,
  spec: ServiceSpec,
  old: Service | undefined,
  limit: number,
): void {
  const wanted = wantedTasks(spec);
  if (wanted <= wantedTasks(old?.spec)) return;
  let total = wanted;
  for (const other of view.find('service', { by: 'all' }))
    if (other.id !== old?.id) total += wantedTasks(other.spec);
  if (total > limit) throw tooManyTasks(total, limit);
}

/** As the spec alone says: a global service wants as many as there are nodes. */
function wantedTasks(spec: ServiceSpec | undefined): bigint {
  switch (spec?.mode?.$case) {
    case 'replicated':
      return spec.mode.value.replicas;
    case 'replicatedJob':
      // Tasks that completed stay as its result.
      return spec.mode.value.totalCompletions;
    default:
      return 0n;
  }
}

/** References go by id; the names that the user gave are what the message tells. */
export function checkReferencesExist(view: View, spec: ServiceSpec): void {
  if (spec.task?.runtime?.$case !== 'container') return;
  const { secrets, configs } = spec.task.runtime.value;
  refuseMissing(
    'secret',
    secrets
      .filter(({ secretId }) => view.get('secret', secretId) === undefined)
      .map(({ secretName }) => secretName),
  );
  refuseMissing(
    'config',
    configs
      .filter(({ configId }) => view.get('config', configId) === undefined)
      .map(({ configName }) => configName),
  );
}

function refuseMissing(kind: 'secret' | 'config', names: readonly string[]): void {
  if (names.length > 0)
    throw missingReference(`${kind}${names.length > 1 ? 's' : ''} not found: ${names.join(', ')}`);
}
