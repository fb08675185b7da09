import {
  type GenericResource,
  Resources,
  type ResourceRequirements,
} from '@swarmkit/sdk/wire/gen/swarmkit/types';
import { parseGenericResources } from '@swarmkit/sdk/model/generic-resource-text';
import { changedList } from './changed-list.js';
import type { ServiceFlags } from './service-flags.js';
import { bytes, nanoCpus, unreadable } from './units.js';

/** Limits and reservations; undefined stays undefined when none is given. */
export function applyResources(
  before: ResourceRequirements | undefined,
  flags: ServiceFlags,
): ResourceRequirements | undefined {
  const { limitCpu, limitMemory, reserveCpu, reserveMemory } = flags;
  const { memorySwap, memorySwappiness } = flags;
  const swap: Partial<ResourceRequirements> = {
    ...(memorySwap !== undefined && {
      swapBytes: memorySwap === '-1' ? -1n : bytes('--memory-swap', memorySwap),
    }),
    ...(memorySwappiness !== undefined && { memorySwappiness: swappiness(memorySwappiness) }),
  };
  const generic = applyGeneric(before?.reservations?.generic ?? [], flags);
  const limits: Partial<Resources> = {
    ...(limitCpu !== undefined && { nanoCpus: nanoCpus('--limit-cpu', limitCpu) }),
    ...(limitMemory !== undefined && { memoryBytes: bytes('--limit-memory', limitMemory) }),
  };
  const reservations: Partial<Resources> = {
    ...(reserveCpu !== undefined && { nanoCpus: nanoCpus('--reserve-cpu', reserveCpu) }),
    ...(reserveMemory !== undefined && {
      memoryBytes: bytes('--reserve-memory', reserveMemory),
    }),
    ...(generic !== undefined && { generic }),
  };
  if (Object.keys({ ...limits, ...reservations, ...swap }).length === 0) return before;
  return {
    swapBytes: undefined,
    memorySwappiness: undefined,
    ...before,
    ...swap,
    limits: merged(before?.limits, limits),
    reservations: merged(before?.reservations, reservations),
  };
}

const merged = (before: Resources | undefined, given: Partial<Resources>): Resources | undefined =>
  Object.keys(given).length === 0 ? before : { ...(before ?? Resources.create()), ...given };

/** 0 to 100; undefined where the node's own holds. */
function swappiness(text: string): bigint | undefined {
  if (text === '-1') return undefined;
  const value = /^\d{1,3}$/.test(text) ? BigInt(text) : 101n;
  if (value > 100n)
    throw unreadable('--memory-swappiness', text, 'write a whole number from -1 to 100');
  return value;
}

/** Undefined when no flag speaks of them. */
function applyGeneric(
  before: readonly GenericResource[],
  flags: ServiceFlags,
): readonly GenericResource[] | undefined {
  const { genericResources, genericResource, genericResourceAdd, genericResourceRm } = flags;
  const set =
    (genericResources ?? genericResource) === undefined
      ? undefined
      : [
          ...(genericResources === undefined
            ? []
            : discrete('--generic-resources', [genericResources])),
          ...discrete('--generic-resource', genericResource ?? []),
        ];
  const add = genericResourceAdd && discrete('--generic-resource-add', genericResourceAdd);
  const after = changedList(before, set, add, genericResourceRm, kindOf);
  return after === before ? undefined : after;
}

const kindOf = ({ resource }: GenericResource): string => resource?.value.kind ?? '';

/** `gpu=2`, read as a node's own: but what is reserved is an amount, never a name. */
function discrete(flag: string, items: readonly string[]): readonly GenericResource[] {
  if (items.length === 0) return [];
  const text = items.join(',');
  const refuse = () => unreadable(flag, text, 'write kind=n, each kind once and n a whole number');
  const parsed = (() => {
    try {
      return parseGenericResources(text);
    } catch {
      throw refuse();
    }
  })();
  if (parsed.some(({ resource }) => resource?.$case !== 'discreteResourceSpec')) throw refuse();
  return parsed;
}
