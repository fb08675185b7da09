import type { ServiceSpec } from '@swarmkit/sdk/wire/gen/swarmkit/specs';
import { invalid } from '../refusals.js';

/** Peers read these counts as signed numbers of 64 bits. */
const isNegative = (count: bigint): boolean => count >= 1n << 63n;

export function validateMode({ mode, update }: ServiceSpec): void {
  switch (mode?.$case) {
    case 'global':
      return;
    case 'replicated':
      if (isNegative(mode.value.replicas)) throw invalid('Number of replicas must be non-negative');
      return;
    case 'replicatedJob':
      if (isNegative(mode.value.maxConcurrent))
        throw invalid('Maximum concurrent jobs must not be negative');
      if (isNegative(mode.value.totalCompletions))
        throw invalid('Total completed jobs must not be negative');
      validateJob(update);
      return;
    case 'globalJob':
      validateJob(update);
      return;
    case undefined:
      throw invalid('Unrecognized service mode');
  }
}

function validateJob(update: ServiceSpec['update']): void {
  if (update !== undefined) throw invalid('Jobs may not have an update config');
}
