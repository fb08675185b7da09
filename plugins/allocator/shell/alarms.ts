/** Says in the log when a network runs out of addresses: once when it begins, and again after it was better. */
import type { Logger } from '@swarmkit/sdk/plugin/plugin';
import type { Allocation } from '../core/allocate.js';
import { networkName } from '../core/networks.js';

const warnAt = 0.75;
/** Below this it counts as better; between the two nothing is said, or it would be said at every task. */
const calmAt = 0.7;

export class Alarms {
  private readonly warned = new Set<string>();
  /** In the last turn: as long as one lacks an address every turn looks at it. */
  private lacking: ReadonlySet<string> = new Set();

  constructor(private readonly log: Logger) {}

  take(usage: Allocation['usage'], withoutAddress: Allocation['withoutAddress']): void {
    for (const { network, held, capacity } of usage) {
      const share = held / Math.max(1, capacity);
      if (share < calmAt) this.warned.delete(network.id);
      if (share < warnAt || this.warned.has(network.id)) continue;
      this.warned.add(network.id);
      this.log.warn(
        { network: network.id, name: networkName(network), held, capacity },
        `network ${networkName(network)} has given ${held} of its ${capacity} addresses: make one with a larger subnet before they are used up`,
      );
    }
    const lacking = new Set<string>();
    for (const { node, networks } of withoutAddress)
      for (const network of networks) {
        const key = `${node.id} ${network.id}`;
        lacking.add(key);
        if (this.lacking.has(key)) continue;
        this.log.warn(
          { node: node.id, network: network.id, name: networkName(network) },
          `network ${networkName(network)} has no address left for node ${node.id}: its tasks there cannot start`,
        );
      }
    this.lacking = lacking;
  }
}
