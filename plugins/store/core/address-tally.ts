/**
 * Which addresses of each network somebody holds, counted as objects come and go, so that nobody has to read all
 * tasks to give one more. Part of the state, like any index.
 */
import type { AddressTally, ObjectKind, Objects } from '@swarmkit/sdk/contracts/store';
import { type HeldAddress, heldAddresses, holdTheSame } from '@swarmkit/sdk/model/held-addresses';
import { type Edit, Trie } from './trie.js';

export class HeldAddresses implements AddressTally {
  static readonly none = new HeldAddresses(Trie.empty());

  private constructor(
    /** How many hold it: live tasks hold the virtual addresses of their service with it. */
    private readonly holders: Trie<number>,
  ) {}

  get size(): number {
    return this.holders.size;
  }

  has(address: string): boolean {
    return this.holders.get(address) !== undefined;
  }

  with(address: string, sign: 1 | -1, edit: Edit): HeldAddresses {
    const count = (this.holders.get(address) ?? 0) + sign;
    return new HeldAddresses(
      count === 0 ? this.holders.delete(address, edit) : this.holders.set(address, count, edit),
    );
  }
}

type AnyObject = Objects[ObjectKind];
const holdersOfAddresses: readonly ObjectKind[] = ['service', 'node', 'task'];

/** What an object gives up and takes when it becomes another, comes (`before` is undefined) or goes. */
export function movedAddresses(
  kind: ObjectKind,
  before: AnyObject | undefined,
  after: AnyObject | undefined,
): { readonly left: readonly HeldAddress[]; readonly taken: readonly HeldAddress[] } | undefined {
  if (!holdersOfAddresses.includes(kind)) return undefined;
  if (before !== undefined && after !== undefined && holdTheSame(kind, before, after))
    return undefined;
  const left = before === undefined ? [] : heldAddresses(kind, before);
  const taken = after === undefined ? [] : heldAddresses(kind, after);
  return left.length + taken.length === 0 ? undefined : { left, taken };
}

export function counted(
  networks: Trie<HeldAddresses>,
  addresses: readonly HeldAddress[],
  sign: 1 | -1,
  edit: Edit,
): Trie<HeldAddresses> {
  let all = networks;
  for (const { networkId, address } of addresses) {
    const held = (all.get(networkId) ?? HeldAddresses.none).with(address, sign, edit);
    all = held.size === 0 ? all.delete(networkId, edit) : all.set(networkId, held, edit);
  }
  return all;
}
