/**
 * Who holds which address, of one turn. Read from what tasks, services and nodes have whenever a network is
 * asked about, so there is no second book that could disagree with the store. What the network itself
 * remembers (`addressHistory`) says only what to avoid: the place where to go on, and what came free of late.
 */
import type { AddressOrProblem, Ipam } from '@swarmkit/sdk/contracts/ipam';
import type { Draft } from '@swarmkit/sdk/contracts/store';
import { isTerminal } from '@swarmkit/sdk/model/task';
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
  /** Of services and nodes, by network: read in one go, since neither is found by its networks. */
  private others: ReadonlyMap<string, readonly string[]> | undefined;
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
    const answer = this.ipam.address({
      configs: network.ipam.configs,
      held: shelf.held,
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
    const address = plain(answer.address);
    add(shelf.held, address);
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
      drop(shelf.held, address);
      shelf.full = undefined;
      this.history(network.id).last = last;
    }
  }

  /** Its holder has it no longer, as of now. To be told before the holder is changed. */
  release(networkId: string, address: string): void {
    const shelf = this.shelf(networkId);
    drop(shelf.held, plain(address));
    shelf.full = undefined;
    this.freed(networkId, address, this.now);
  }

  /** Came free at that time; nothing happens where that is long ago. */
  freed(networkId: string, address: string, at: number): void {
    if (address === '' || at > this.now || this.now - at >= restMs) return;
    const { freed } = this.history(networkId);
    const text = plain(address);
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
      held: this.shelf(network.id).held.size,
      capacity: this.ipam.capacity(network.ipam.configs),
    }));
  }

  private shelf(id: string): Shelf {
    let shelf = this.shelves.get(id);
    if (shelf === undefined) {
      shelf = { held: this.heldIn(id), full: undefined };
      this.shelves.set(id, shelf);
    }
    return shelf;
  }

  /** A live task also holds the virtual addresses that it was told of, though its service may be gone. */
  private heldIn(networkId: string): Map<string, number> {
    const held = new Map<string, number>();
    this.others ??= heldByOthers(this.draft);
    for (const address of this.others.get(networkId) ?? []) add(held, address);
    for (const task of this.draft.find('task', { by: 'network', id: networkId })) {
      if (isTerminal(task)) continue;
      for (const { network, addresses } of task.networks)
        if (network?.id === networkId) for (const each of addresses) add(held, plain(each));
      for (const { networkId: id, addr } of task.endpoint?.virtualIps ?? [])
        if (id === networkId && addr !== '') add(held, plain(addr));
    }
    return held;
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
  /** How many hold it: usually one, but live tasks hold their service's virtual address with it. */
  readonly held: Map<string, number>;
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

function heldByOthers(draft: Draft): ReadonlyMap<string, readonly string[]> {
  const held = new Map<string, string[]>();
  const note = (networkId: string, address: string): void => {
    if (address === '') return;
    const list = held.get(networkId);
    if (list === undefined) held.set(networkId, [plain(address)]);
    else list.push(plain(address));
  };
  for (const { endpoint } of draft.find('service', { by: 'all' }))
    for (const { networkId, addr } of endpoint?.virtualIps ?? []) note(networkId, addr);
  for (const { attachments } of draft.find('node', { by: 'all' }))
    for (const { network, addresses } of attachments)
      for (const address of addresses) note(network?.id ?? '', address);
  return held;
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

function add(held: Map<string, number>, address: string): void {
  held.set(address, (held.get(address) ?? 0) + 1);
}

function drop(held: Map<string, number>, address: string): void {
  const count = held.get(address) ?? 0;
  if (count > 1) held.set(address, count - 1);
  else held.delete(address);
}

const isSame = (a: ReadonlyMap<string, number>, b: ReadonlyMap<string, number>): boolean =>
  a.size === b.size && [...a].every(([key, value]) => b.get(key) === value);

/** Without the prefix length. */
const plain = (address: string): string => address.replace(/\/.*/, '');
