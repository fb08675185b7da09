/**
 * Networks get what their drivers need: those of the node only the driver's name, overlay networks subnets,
 * gateways and VXLAN ids that no other network has, as Docker's allocator writes them.
 */
import type { Ipam } from '@swarmkit/sdk/contracts/ipam';
import type { Dirty } from '@swarmkit/sdk/contracts/reconciler';
import type { Draft, View } from '@swarmkit/sdk/contracts/store';
import { isIngressNetwork } from '@swarmkit/sdk/model/ingress';
import { compareTimestamps } from '@swarmkit/sdk/model/time';
import type { Network } from '@swarmkit/sdk/wire/gen/swarmkit/objects';
import type { Driver, IPAMOptions } from '@swarmkit/sdk/wire/gen/swarmkit/types';

const vxlanList = 'com.docker.network.driver.overlay.vxlanid_list';
/** Where Docker begins; those below are left to networks that are not the cluster's. */
const firstVxlan = 4096;
const lastVxlan = 2 ** 24 - 1;

/** Everything but overlay is the node's own affair: bridge, host, macvlan, and drivers we do not know. */
export function isNodeLocal(network: Network): boolean {
  const driver = driverOf(network);
  return driver !== '' && driver !== 'overlay';
}

const driverOf = (network: Network): string => network.spec?.driverConfig?.name ?? '';

export type AllocatedNetwork = WithSubnets & { readonly driverState: Driver };
type WithSubnets = Network & { readonly ipam: IPAMOptions };

export const isAllocated = (network: Network): network is AllocatedNetwork =>
  network.driverState !== undefined && hasSubnets(network);

const hasSubnets = (network: Network): network is WithSubnets => network.ipam !== undefined;

export const networkName = (network: Network): string =>
  network.spec?.annotations?.name ?? network.id;

/** All that wait are looked at together: one that went may have had what another needs. True where one got it. */
export function allocateNetworks(draft: Draft, ipam: Ipam, dirty: Dirty): boolean {
  if (!dirty.everything && dirty.ids('network').size + dirty.ids('cluster').size === 0)
    return false;
  let any = false;
  const waiting = draft
    .find('network', { by: 'all' })
    .filter((network) => !isAllocated(network))
    .sort(ingressFirst);
  for (const network of waiting) {
    const answer = allocated(draft, ipam, network);
    if (answer.network === undefined) continue;
    draft.update('network', answer.network);
    any = true;
  }
  return any;
}

export type NetworkOrProblem =
  | { readonly network: Network; readonly problem?: undefined }
  | { readonly problem: string; readonly network?: undefined };

/** The network with subnets and driver state, or why it cannot have them now. */
export function allocated(view: View, ipam: Ipam, network: Network): NetworkOrProblem {
  if (isNodeLocal(network))
    return {
      network: {
        ...network,
        driverState: { name: driverOf(network), options: {} },
        ipam: { driver: { name: '', options: {} }, configs: [] },
      },
    };
  const asked = network.spec?.ipam;
  const driver = asked?.driver?.name ?? '';
  if (driver !== '' && driver !== ipam.name)
    return { problem: `it asks for the IPAM driver ${driver}, and this cluster has ${ipam.name}` };
  const others = view
    .find('network', { by: 'all' })
    .filter((other) => other.id !== network.id)
    .filter(hasSubnets);
  const [cluster] = view.find('cluster', { by: 'all' });
  const { configs, problem } = ipam.subnets({
    wanted: network.ipam?.configs ?? asked?.configs ?? [],
    pools: cluster?.defaultAddressPool ?? [],
    subnetSize: cluster?.subnetSize ?? 0,
    taken: others.flatMap((other) => other.ipam.configs.map(({ subnet }) => subnet)),
  });
  if (problem !== undefined) return { problem };
  const ids = vxlanIds(network, others, configs.length);
  if (typeof ids === 'string') return { problem: ids };
  const options = { ...network.spec?.driverConfig?.options, [vxlanList]: ids.join(',') };
  return {
    network: {
      ...network,
      driverState: { name: 'overlay', options },
      ipam: { driver: { name: ipam.name, options: asked?.driver?.options ?? {} }, configs },
    },
  };
}

/** One a subnet, up to `last`: those the network names, then the lowest that nobody has. */
export function vxlanIds(
  network: Network,
  others: readonly Network[],
  count: number,
  last = lastVxlan,
): readonly number[] | string {
  const taken = new Set(
    others.flatMap(({ driverState }) => idsOf(driverState?.options[vxlanList])),
  );
  const named = network.spec?.driverConfig?.options[vxlanList];
  const ids = idsOf(named).slice(0, count);
  for (const [i, id] of ids.entries()) {
    if (!Number.isInteger(id) || id < 0 || id > last)
      return `"${named}" is not a list of VXLAN ids between 0 and ${last}`;
    if (taken.has(id) || ids.indexOf(id) !== i) return `VXLAN id ${id} is taken`;
  }
  for (const id of ids) taken.add(id);
  for (let id = firstVxlan; ids.length < count && id <= last; id++)
    if (!taken.has(id)) ids.push(id);
  return ids.length < count ? 'no VXLAN id is free' : ids;
}

const idsOf = (text: string | undefined): number[] =>
  text === undefined || text === '' ? [] : text.split(',').map(Number);

/** The ingress network is a cluster's first; the others in the order in which they were made. */
const ingressFirst = (a: Network, b: Network): number =>
  Number(isIngressNetwork(b)) - Number(isIngressNetwork(a)) ||
  compareTimestamps(a.meta?.createdAt, b.meta?.createdAt) ||
  (a.id < b.id ? -1 : 1);
