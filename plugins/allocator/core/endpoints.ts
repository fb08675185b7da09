/** Ports and virtual addresses of services: all that a service needs, or what it had before. */
import { needsIngress } from '@swarmkit/sdk/model/ingress';
import type { Dirty } from '@swarmkit/sdk/contracts/reconciler';
import type { Draft, View } from '@swarmkit/sdk/contracts/store';
import { compareTimestamps } from '@swarmkit/sdk/model/time';
import { wireEqual } from '@swarmkit/sdk/model/wire-equal';
import type { Endpoint, Service, Task } from '@swarmkit/sdk/wire/gen/swarmkit/objects';
import type { PortConfig } from '@swarmkit/sdk/wire/gen/swarmkit/types';
import type { AddressBook } from './address-book.js';
import type { ClusterNetworks } from './cluster-networks.js';
import { PortSpace } from './port-space.js';
import { servicePorts } from './service-ports.js';
import { networksWithVirtualIp, virtualIpsOf } from './virtual-ips.js';

/** What a service takes from: ports, and addresses of networks. */
interface Supplies {
  readonly draft: Draft;
  readonly space: LazySpace;
  readonly networks: ClusterNetworks;
  readonly book: AddressBook;
}

/** For every service that needs some; the answer tells what the others wait for, by service id. */
export function allocateServices(
  draft: Draft,
  networks: ClusterNetworks,
  book: AddressBook,
  services: Iterable<Service>,
): ReadonlyMap<string, string> {
  const supplies = { draft, networks, book, space: new LazySpace(draft) };
  // Where two want the same port, the older one has it.
  let waiting = [...services].sort(byCreation);
  // Again while something moves: one that gives up a port may help one that was before it, and what
  // the last ones wait for must be told from how things are in the end.
  for (;;) {
    const problems = new Map<string, string>();
    let moved = false;
    for (const service of waiting) {
      const answer = endpointOf(service, supplies);
      if (answer.problem !== undefined) problems.set(service.id, answer.problem);
      else if (answer.endpoint !== service.endpoint) {
        releaseOthers(service, answer.endpoint, book);
        draft.update('service', { ...service, endpoint: answer.endpoint });
        moved = true;
      }
    }
    if (!moved || problems.size === 0) return problems;
    waiting = waiting.filter((service) => problems.has(service.id));
  }
}

/**
 * A service that changed or went may have given up a port, and any other may wait for it, also one that
 * has no task in NEW: it was scaled to zero, or its task has been stopped. No turn but such a one moves
 * ports, so in the others the services of new tasks are enough. The same goes for addresses, which also
 * tasks and nodes give up (`mayHaveFreed`), and for those who wait for them.
 */
export function servicesToSettle(
  view: View,
  networks: ClusterNetworks,
  dirty: Dirty,
  tasks: readonly Task[],
  mayHaveFreed: boolean,
): Iterable<Service> {
  if (dirty.everything || dirty.ids('network').size > 0) return view.find('service', { by: 'all' });
  const changed = dirty.ids('service');
  const ids = new Set(changed);
  for (const task of tasks) ids.add(task.serviceId);
  if (changed.size > 0 || mayHaveFreed)
    for (const service of view.find('service', { by: 'all' })) {
      const mayWantPort = changed.size > 0 && needsIngress(service.spec);
      if (mayWantPort || (mayHaveFreed && lacksVirtualIp(view, networks, service)))
        ids.add(service.id);
    }
  const found: Service[] = [];
  for (const id of ids) {
    const service = view.get('service', id);
    if (service !== undefined) found.push(service);
  }
  return found;
}

const lacksVirtualIp = (view: View, networks: ClusterNetworks, service: Service): boolean =>
  networksWithVirtualIp(view, networks, service).some(
    (id) => !(service.endpoint?.virtualIps ?? []).some(({ networkId }) => networkId === id),
  );

/** Most turns take no port, and so never read the endpoints of all services. */
class LazySpace {
  private space: PortSpace | undefined;

  constructor(private readonly view: View) {}

  read(): PortSpace {
    this.space ??= new PortSpace(this.view.find('service', { by: 'all' }));
    return this.space;
  }

  settle(serviceId: string, held: readonly PortConfig[], ports: readonly PortConfig[]): void {
    this.space?.settle(serviceId, held, ports);
  }
}

type EndpointOrProblem =
  | { readonly endpoint: Endpoint | undefined; readonly problem?: undefined }
  | { readonly problem: string; readonly endpoint?: undefined };

/** What the service's endpoint should be: the very same object when it is right already. */
function endpointOf(service: Service, supplies: Supplies): EndpointOrProblem {
  const { draft, space, networks, book } = supplies;
  const spec = service.spec?.endpoint;
  const held = service.endpoint?.ports ?? [];
  const { ports, problem } =
    spec === undefined
      ? { ports: [], problem: undefined }
      : servicePorts(service.id, spec, held, () => space.read());
  if (problem !== undefined) return { problem };
  const addresses = virtualIpsOf(draft, networks, book, service);
  if (addresses.problem !== undefined) return { problem: addresses.problem };
  const { virtualIps } = addresses;
  if (spec === undefined && virtualIps.length === 0) {
    space.settle(service.id, held, []);
    return { endpoint: undefined };
  }
  const had = service.endpoint;
  if (
    had !== undefined &&
    wireEqual(had.spec, spec) &&
    samePorts(held, ports) &&
    wireEqual(had.virtualIps, virtualIps)
  )
    return { endpoint: had };
  space.settle(service.id, held, ports);
  return { endpoint: { ...had, spec, ports, virtualIps } };
}

/** Virtual addresses that the service has no longer. */
function releaseOthers(service: Service, next: Endpoint | undefined, book: AddressBook): void {
  for (const { networkId, addr } of service.endpoint?.virtualIps ?? [])
    if (
      addr !== '' &&
      !next?.virtualIps.some((vip) => vip.addr === addr && vip.networkId === networkId)
    )
      book.release(networkId, addr);
}

/** In whatever order: a SwarmKit manager may have written them in another. */
const samePorts = (a: readonly PortConfig[], b: readonly PortConfig[]): boolean =>
  a.length === b.length && b.every((port) => a.some((other) => wireEqual(port, other)));

const byCreation = (a: Service, b: Service): number =>
  compareTimestamps(a.meta?.createdAt, b.meta?.createdAt) || (a.id < b.id ? -1 : 1);
