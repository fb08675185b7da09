/** Networks: created and removed by users, never changed. */
import { isIngressNetwork, needsIngress } from '@swarmkit/sdk/model/ingress';
import type { View } from '@swarmkit/sdk/contracts/store';
import { overlap, parseCidr } from '@swarmkit/sdk/model/ip-address';
import { isInUse } from '@swarmkit/sdk/model/task';
import type {
  CreateNetworkRequest,
  RemoveNetworkRequest,
} from '@swarmkit/sdk/wire/gen/swarmkit/control';
import { Network } from '@swarmkit/sdk/wire/gen/swarmkit/objects';
import { inUse, invalid, missingArgument, nameTaken, notFound, precondition } from './refusals.js';
import { predefinedLabel, validateNetwork } from './validate/network.js';
import type { NetworkSpec } from '@swarmkit/sdk/wire/gen/swarmkit/specs';
import { create, remove, type WriteContext } from './write-context.js';

/** A name that is taken is told in the store's own words, as SwarmKit does. */
export function createNetwork(context: WriteContext, { spec }: CreateNetworkRequest): Network {
  if (spec === undefined) throw missingArgument();
  validateNetwork(spec);
  checkDriver(context.draft, spec);
  checkSubnetsFree(context.draft, spec);
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

/** Those that every engine has. */
const builtInDrivers = ['overlay', 'bridge', 'host', 'macvlan', 'ipvlan'];

/** Another driver is a plugin of the nodes' engines; SwarmKit asks the manager's own engine for it. */
function checkDriver(view: View, { driverConfig }: NetworkSpec): void {
  const driver = driverConfig?.name ?? '';
  if (driver === '' || builtInDrivers.includes(driver)) return;
  const isThere = view
    .find('node', { by: 'all' })
    .some(({ description }) =>
      description?.engine?.plugins.some(
        ({ type, name }) => type === 'Network' && (name === driver || name === `${driver}:latest`),
      ),
    );
  if (!isThere)
    throw invalid(`error during lookup of plugin ${driver}: no node of the cluster has it`);
}

/** SwarmKit takes the network and then never allocates it. Only overlay networks are allocated at all. */
function checkSubnetsFree(view: View, spec: NetworkSpec): void {
  if (!isOverlay(spec)) return;
  const overlays = view.find('network', { by: 'all' }).filter((network) => isOverlay(network.spec));
  const taken = overlays.flatMap(
    (network) =>
      (network.ipam ?? network.spec?.ipam)?.configs.map(({ subnet }) => ({
        subnet,
        owner: `of network ${network.spec?.annotations?.name ?? network.id}`,
      })) ?? [],
  );
  for (const { subnet } of spec.ipam?.configs ?? []) {
    const wanted = parseCidr(subnet);
    const clash = taken.find((other) => {
      const network = parseCidr(other.subnet);
      return wanted !== undefined && network !== undefined && overlap(wanted, network);
    });
    if (clash !== undefined)
      throw invalid(
        `ipam configuration: subnet ${subnet} overlaps with ${clash.subnet} ${clash.owner}`,
      );
    taken.push({ subnet, owner: 'of the same network' });
  }
}

const isOverlay = (spec: NetworkSpec | undefined): boolean =>
  ['', 'overlay'].includes(spec?.driverConfig?.name ?? '');

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
