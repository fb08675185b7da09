/** The networks as tasks, services and nodes of this turn see them. */
import type { Ipam } from '@swarmkit/sdk/contracts/ipam';
import type { View } from '@swarmkit/sdk/contracts/store';
import { isIngressNetwork } from '@swarmkit/sdk/model/ingress';
import type { Network, Service } from '@swarmkit/sdk/wire/gen/swarmkit/objects';
import type { NetworkAttachmentConfig } from '@swarmkit/sdk/wire/gen/swarmkit/types';
import { allocated, networkName } from './networks.js';

export class ClusterNetworks {
  private readonly copies = new Map<string, Network>();
  private readonly problems = new Map<string, string>();
  /** Found once a turn, and remembered also when there is none. */
  private found: { readonly network: Network | undefined } | undefined;

  constructor(
    private readonly view: View,
    private readonly ipam: Ipam,
  ) {}

  get ingress(): Network | undefined {
    this.found ??= { network: this.view.find('network', { by: 'all' }).find(isIngressNetwork) };
    return this.found.network;
  }

  /** As it is copied into attachments: one object for all of them, without what it remembers. */
  copy(network: Network): Network {
    let copy = this.copies.get(network.id);
    if (copy === undefined) {
      copy = network.addressHistory === undefined ? network : { ...network };
      if (copy !== network) (copy as { addressHistory?: undefined }).addressHistory = undefined;
      this.copies.set(network.id, copy);
    }
    return copy;
  }

  /** Why a network that is not allocated cannot be used yet, as a sentence. */
  problem(network: Network): string {
    let problem = this.problems.get(network.id);
    if (problem === undefined) {
      const why = allocated(this.view, this.ipam, network).problem ?? 'it was not looked at yet';
      problem = `network ${networkName(network)} cannot be used: ${why}`;
      this.problems.set(network.id, problem);
    }
    return problem;
  }
}

/** Networks of the task's spec, else the service's old ones. */
export const networksOf = (
  ofTask: readonly NetworkAttachmentConfig[] | undefined,
  service: Service | undefined,
): readonly NetworkAttachmentConfig[] =>
  ofTask !== undefined && ofTask.length > 0 ? ofTask : (service?.spec?.networks ?? []);
