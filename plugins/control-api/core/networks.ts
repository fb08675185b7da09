/** Networks: created and removed by users, never changed. */
import type { View } from '@swarmkit/sdk/contracts/store';
import { isInUse } from '@swarmkit/sdk/model/task';
import type {
  CreateNetworkRequest,
  RemoveNetworkRequest,
} from '@swarmkit/sdk/wire/gen/swarmkit/control';
import { Network } from '@swarmkit/sdk/wire/gen/swarmkit/objects';
import { inUse, missingArgument, nameTaken, notFound, precondition } from './refusals.js';
import { isIngressNetwork, needsIngress } from './service-surroundings.js';
import { predefinedLabel, validateNetwork } from './validate/network.js';
import { create, remove, type WriteContext } from './write-context.js';

/** A name that is taken is told in the store's own words, as SwarmKit does. */
export function createNetwork(context: WriteContext, { spec }: CreateNetworkRequest): Network {
  if (spec === undefined) throw missingArgument();
  validateNetwork(spec);
  if (spec.ingress) {
    const present = context.draft.find('network', { by: 'all' }).find(isIngressNetwork);
    if (present !== undefined)
      throw nameTaken(`ingress network (${present.id}) is already present`);
  }
  return create(context, 'network', Network.create({ id: context.id(), spec }));
}

export function removeNetwork(context: WriteContext, { networkId }: RemoveNetworkRequest): void {
  if (networkId === '') throw missingArgument();
  const network = context.draft.get('network', networkId);
  if (network === undefined) throw notFound('network', networkId);
  if (isIngressNetwork(network)) checkNobodyPublishes(context.draft);
  else checkUnused(context.draft, network);
  remove(context, 'network', network);
}

function checkNobodyPublishes(view: View): void {
  const publisher = view.find('service', { by: 'all' }).find(({ spec }) => needsIngress(spec));
  if (publisher !== undefined)
    throw inUse(
      `ingress network cannot be removed because service ${publisher.id} depends on it`,
      'failed-precondition',
    );
}

function checkUnused(view: View, { id, spec }: Network): void {
  const { name = '', labels = {} } = spec?.annotations ?? {};
  if (Object.hasOwn(labels, predefinedLabel) && labels[predefinedLabel] === 'true')
    throw precondition(
      `network ${id} (${name}) is a swarm predefined network and cannot be removed`,
    );
  const [service] = view.find('service', { by: 'network', id });
  if (service !== undefined)
    throw inUse(`network ${id} is in use by service ${service.id}`, 'failed-precondition');
  const task = view.find('task', { by: 'network', id }).find(isInUse);
  if (task !== undefined)
    throw inUse(`network ${id} is in use by task ${task.id}`, 'failed-precondition');
}
