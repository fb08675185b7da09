/** How many addresses of a network are given, counted from what services, tasks and nodes have. */
import type { ControlClient } from '@swarmkit/sdk/client/control';
import { addressCapacity, addressRanges } from '@swarmkit/sdk/model/address-ranges';
import { heldAddresses } from '@swarmkit/sdk/model/held-addresses';
import {
  ListNodesRequest,
  ListServicesRequest,
  ListTasksRequest,
} from '@swarmkit/sdk/wire/gen/swarmkit/control';
import type { Network } from '@swarmkit/sdk/wire/gen/swarmkit/objects';

/** From this share on the network is said to be nearly used up; the leader's log warns at the same. */
const nearlyUsedUp = 0.75;

/** `12 of 253`; empty where the network has no addresses. */
export async function usageOf(control: ControlClient, network: Network): Promise<string> {
  const configs = network.ipam?.configs ?? [];
  if (addressRanges(configs).length === 0) return '';
  const room = addressCapacity(configs);
  const held = await heldIn(control, network.id);
  const warning = held >= room * nearlyUsedUp ? ', nearly used up' : '';
  return `${held} of ${room}${warning}`;
}

async function heldIn(control: ControlClient, id: string): Promise<number> {
  const [{ services }, { tasks }, { nodes }] = await Promise.all([
    control.listServices(ListServicesRequest.create()),
    control.listTasks(ListTasksRequest.create()),
    control.listNodes(ListNodesRequest.create()),
  ]);
  const held = [
    ...services.flatMap((service) => heldAddresses('service', service)),
    ...tasks.flatMap((task) => heldAddresses('task', task)),
    ...nodes.flatMap((node) => heldAddresses('node', node)),
  ];
  return new Set(held.filter(({ networkId }) => networkId === id).map(({ address }) => address))
    .size;
}
