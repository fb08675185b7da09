/** The virtual addresses of a service: one on each of its networks, and one on ingress where it publishes ports. */
import { needsIngress } from '@swarmkit/sdk/model/ingress';
import type { View } from '@swarmkit/sdk/contracts/store';
import type { Endpoint_VirtualIP, Service } from '@swarmkit/sdk/wire/gen/swarmkit/objects';
import { EndpointSpec_ResolutionMode } from '@swarmkit/sdk/wire/gen/swarmkit/specs';
import type { AddressBook } from './address-book.js';
import { type ClusterNetworks, networksOf } from './cluster-networks.js';
import { isAllocated, isNodeLocal, networkName } from './networks.js';

export type VirtualIpsOrProblem =
  | { readonly virtualIps: readonly Endpoint_VirtualIP[]; readonly problem?: undefined }
  | { readonly problem: string; readonly virtualIps?: undefined };

/** Where the service should have one, by the ids of networks. */
export function networksWithVirtualIp(
  view: View,
  networks: ClusterNetworks,
  service: Service,
): readonly string[] {
  // Its name stands for the addresses of its tasks.
  if (service.spec?.endpoint?.mode === EndpointSpec_ResolutionMode.DNSRR) return [];
  const ids = new Set<string>();
  if (needsIngress(service.spec) && networks.ingress !== undefined) ids.add(networks.ingress.id);
  for (const { target } of networksOf(service.spec?.task?.networks, service))
    if (view.get('network', target) !== undefined) ids.add(target);
  return [...ids];
}

/** Those it has and still needs, in their order, then the new ones. All or none: on a problem nothing is taken. */
export function virtualIpsOf(
  view: View,
  networks: ClusterNetworks,
  book: AddressBook,
  service: Service,
): VirtualIpsOrProblem {
  const isVip = service.spec?.endpoint?.mode !== EndpointSpec_ResolutionMode.DNSRR;
  if (isVip && needsIngress(service.spec) && networks.ingress === undefined)
    return { problem: 'ingress network is missing' };
  const wanted = networksWithVirtualIp(view, networks, service);
  const held = service.endpoint?.virtualIps ?? [];
  const virtualIps = held.filter(
    ({ networkId, addr }) =>
      wanted.includes(networkId) && (addr !== '' || isLocal(view, networkId)),
  );
  const mark = book.mark();
  for (const id of wanted) {
    const network = view.get('network', id);
    if (network === undefined || virtualIps.some(({ networkId }) => networkId === id)) continue;
    let problem: string | undefined;
    // A network of the node has no addresses, and still its entry, as Docker writes it.
    let addr = '';
    if (!isAllocated(network)) problem = networks.problem(network);
    else if (!isNodeLocal(network)) {
      const answer = book.take(network);
      addr = answer.address ?? '';
      if (answer.problem !== undefined)
        problem = `network ${networkName(network)} cannot be used: ${answer.problem} while allocating VIP`;
    }
    if (problem !== undefined) {
      book.undo(mark);
      return { problem };
    }
    virtualIps.push({ networkId: id, addr });
  }
  return { virtualIps };
}

const isLocal = (view: View, id: string): boolean => {
  const network = view.get('network', id);
  return network !== undefined && isNodeLocal(network);
};
