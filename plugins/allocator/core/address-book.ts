/**
 * Who holds which address, of one turn. The store counts what tasks, services and nodes have, so there is no
 * second book that could disagree with it, and nothing is read. What the network itself
 * remembers (`addressHistory`) says only what to avoid: the place where to go on, and what came free of late.
 */
import type { AddressOrProblem, Ipam } from '@swarmkit/sdk/contracts/ipam';
import type { Draft } from '@swarmkit/sdk/contracts/store';
import { plainAddress } from '@swarmkit/sdk/model/held-addresses';
import { timestampFromMs, timestampToMs } from '@swarmkit/sdk/model/time';
import type { AddressHistory, Network } from '@swarmkit/sdk/wire/gen/swarmkit/objects';
import type { AllocatedNetwork } from './networks.js';

/** How long an address that came free is left alone, as long as there is another. */
export const restMs = 5 * 60_000;

/**
 * So many of each network rest, those that came free last: about as many as a /24 has. In a larger network going on
 * behind the last one lets rest by itself; and what it remembers is written with every address that is given,
 * and must fit into one entry of the log.
 */
export const mostResting = 256;

/** How much of a network was held after addresses were given. */
export interface Usage {
  readonly network: Network;
  readonly held: number;
  readonly capacity: number;
}

export class AddressBook {
  private readonly shelves = new Map<string, Shelf>();
  private readonly histories = new Map<string, History>();
  private given: Given[] = [];
  /** Networks that had no address for somebody in this turn. */
  private readonly lacking = new Set<string>();

  constructor(
    private readonly draft: Draft,
    private readonly ipam: Ipam,
    private readonly now: number,
  ) {}

  /** The next address of the network, or the one that is wanted, with its prefix length. */
  take(network: AllocatedNetwork, wanted?: string): AddressOrProblem {
    const shelf = this.shelf(network.id);
    if (wanted === undefined && shelf.full !== undefined) {
      this.lacking.add(network.id);
      return shelf.full;
    }
    const history = this.history(network.id);
    const held = this.draft.addresses(network.id);
    const answer = this.ipam.address({
      configs: network.ipam.configs,
      held: { has: (address) => held.has(address) || shelf.promised.has(address) },
      wanted,
      after: history.last === '' ? undefined : history.last,
      resting: history.freed,
    });
    if (answer.address === undefined) {
      if (wanted === undefined) {
        shelf.full = answer;
        this.lacking.add(network.id);
      }
      return answer;
    }
    const address = plainAddress(answer.address);
    shelf.promised.add(address);
    this.given.push({ network, address, last: history.last });
    if (wanted === undefined) history.last = address;
    return answer;
  }

  /** Where to go back to with `undo`. */
  mark(): number {
    return this.given.length;
  }

  /** Takes back what was given since. */
  undo(mark: number): void {
    for (const { network, address, last } of this.given.splice(mark).reverse()) {
      const shelf = this.shelf(network.id);
      shelf.promised.delete(address);
      shelf.full = undefined;
      this.history(network.id).last = last;
    }
  }

  /** Its holder has it no longer, as of now, or with the next write. */
  release(networkId: string, address: string): void {
    this.shelf(networkId).full = undefined;
    this.freed(networkId, address, this.now);
  }

  /** Came free at that time; nothing happens where that is long ago. */
  freed(networkId: string, address: string, at: number): void {
    if (address === '' || at > this.now || this.now - at >= restMs) return;
    const { freed } = this.history(networkId);
    const text = plainAddress(address);
    if ((freed.get(text) ?? Number.NEGATIVE_INFINITY) < at) freed.set(text, at);
  }

  /** Lets everybody ask again who waits for an address, and notes it if somebody still does. The networks where somebody may. */
  askAgain(): readonly Network[] {
    const full = this.draft
      .find('network', { by: 'all' })
      .filter(({ addressHistory }) => addressHistory?.full);
    for (const { id } of full) this.history(id);
    return full;
  }

  /** Writes down what the networks shall remember, and tells how full those are that gave something. */
  close(): readonly Usage[] {
    for (const [id, history] of this.histories) {
      const network = this.draft.get('network', id);
      if (network === undefined) continue;
      const full = this.lacking.has(id);
      const freed = youngest(history.freed);
      if (
        history.last === history.before.last &&
        isSame(freed, history.before.freed) &&
        full === (network.addressHistory?.full ?? false)
      )
        continue;
      const addressHistory = written(history.last, freed, full);
      this.draft.update('network', { ...network, addressHistory });
    }
    const networks = new Map(this.given.map(({ network }) => [network.id, network]));
    return [...networks.values()].map((network) => ({
      network,
      held: this.draft.addresses(network.id).size,
      capacity: this.ipam.capacity(network.ipam.configs),
    }));
  }

  private shelf(id: string): Shelf {
    let shelf = this.shelves.get(id);
    if (shelf === undefined) {
      shelf = { promised: new Set(), full: undefined };
      this.shelves.set(id, shelf);
    }
    return shelf;
  }

  private history(networkId: string): History {
    let history = this.histories.get(networkId);
    if (history === undefined) {
      const stored = this.draft.get('network', networkId)?.addressHistory;
      const before = { last: stored?.last ?? '', freed: this.restingIn(stored) };
      history = { last: before.last, freed: new Map(before.freed), before };
      this.histories.set(networkId, history);
    }
    return history;
  }

  private restingIn(stored: AddressHistory | undefined): ReadonlyMap<string, number> {
    const freed = (stored?.freed ?? []).map(
      ({ address, freedAt }) => [address, timestampToMs(freedAt) ?? 0] as const,
    );
    return new Map(freed.filter(([, at]) => this.now - at < restMs));
  }
}

interface Shelf {
  /** Given in this turn: who it is for may not be written yet. */
  readonly promised: Set<string>;
  /** The answer when there was none; stands until something comes free. */
  full: AddressOrProblem | undefined;
}

interface History {
  last: string;
  readonly freed: Map<string, number>;
  readonly before: { readonly last: string; readonly freed: ReadonlyMap<string, number> };
}

interface Given {
  readonly network: AllocatedNetwork;
  readonly address: string;
  /** What the network's history said before. */
  readonly last: string;
}

function youngest(freed: ReadonlyMap<string, number>): ReadonlyMap<string, number> {
  if (freed.size <= mostResting) return freed;
  const inTurn = [...freed].sort(([a, x], [b, y]) => y - x || (a < b ? -1 : 1));
  return new Map(inTurn.slice(0, mostResting));
}

const written = (
  last: string,
  freed: ReadonlyMap<string, number>,
  full: boolean,
): AddressHistory => ({
  last,
  full,
  freed: [...freed]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([address, at]) => ({ address, freedAt: timestampFromMs(at) })),
});

const isSame = (a: ReadonlyMap<string, number>, b: ReadonlyMap<string, number>): boolean =>
  a.size === b.size && [...a].every(([key, value]) => b.get(key) === value);
