/** How many addresses of a network are given, counted from what services, tasks and nodes have. */
import type { ControlClient } from '@swarmkit/sdk/client/control';
import { networkSize, parseCidr } from '@swarmkit/sdk/model/ip-address';
import { isTerminal } from '@swarmkit/sdk/model/task';
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
  const ranges = (network.ipam?.configs ?? [])
    .map(({ range, subnet }) => ({ isPart: range !== '', net: parseCidr(range || subnet) }))
    .filter(({ net }) => net !== undefined);
  if (ranges.length === 0) return '';
  // The gateway, and of a whole IPv4 subnet its own address and the broadcast one.
  const room = ranges.reduce(
    (sum, { isPart, net }) =>
      sum + (net ? Number(networkSize(net)) - (isPart ? 1 : net.address.length === 4 ? 3 : 2) : 0),
    0,
  );
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
  const addresses = new Set<string>();
  for (const { endpoint } of services)
    for (const { networkId, addr } of endpoint?.virtualIps ?? [])
      if (networkId === id && addr !== '') addresses.add(addr);
  for (const { networks } of tasks.filter((task) => !isTerminal(task))) note(networks);
  for (const { attachments } of nodes) note(attachments);
  return addresses.size;

  function note(attachments: (typeof nodes)[number]['attachments']): void {
    for (const attachment of attachments)
      if (attachment.network?.id === id)
        for (const address of attachment.addresses) addresses.add(address);
  }
}
