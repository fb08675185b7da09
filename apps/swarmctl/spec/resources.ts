import {
  type GenericResource,
  Resources,
  type ResourceRequirements,
} from '@swarmkit/sdk/wire/gen/swarmkit/types';
import type { ServiceFlags } from './service-flags.js';
import { bytes, count, nanoCpus, pairs } from './units.js';

/** Limits and reservations; undefined stays undefined when none is given. */
export function applyResources(
  before: ResourceRequirements | undefined,
  flags: ServiceFlags,
): ResourceRequirements | undefined {
  const { limitCpu, limitMemory, reserveCpu, reserveMemory, genericResources } = flags;
  const limits: Partial<Resources> = {
    ...(limitCpu !== undefined && { nanoCpus: nanoCpus('--limit-cpu', limitCpu) }),
    ...(limitMemory !== undefined && { memoryBytes: bytes('--limit-memory', limitMemory) }),
  };
  const reservations: Partial<Resources> = {
    ...(reserveCpu !== undefined && { nanoCpus: nanoCpus('--reserve-cpu', reserveCpu) }),
    ...(reserveMemory !== undefined && {
      memoryBytes: bytes('--reserve-memory', reserveMemory),
    }),
    ...(genericResources !== undefined && { generic: generic(genericResources) }),
  };
  if (Object.keys({ ...limits, ...reservations }).length === 0) return before;
  return {
    swapBytes: undefined,
    memorySwappiness: undefined,
    ...before,
    limits: merged(before?.limits, limits),
    reservations: merged(before?.reservations, reservations),
  };
}

const merged = (before: Resources | undefined, given: Partial<Resources>): Resources | undefined =>
  Object.keys(given).length === 0 ? before : { ...(before ?? Resources.create()), ...given };

/** `gpu=2,fpga=1`. */
const generic = (text: string): readonly GenericResource[] =>
  Object.entries(pairs('--generic-resources', text.split(','))).map(([kind, amount]) => ({
    resource: {
      $case: 'discreteResourceSpec',
      value: { kind, value: count(`--generic-resources ${kind}`, amount) },
    },
  }));
