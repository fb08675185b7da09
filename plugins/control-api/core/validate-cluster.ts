import type { ClusterSpec } from '@swarmkit/sdk/wire/gen/swarmkit/specs';
import { invalid } from './refusals.js';
import { isNegative, nanosecondsOf } from './validate/duration.js';

const hourNs = 3_600_000_000_000n;

/** In SwarmKit's order: the first error is the answer. */
export function validateCluster(spec: ClusterSpec): void {
  const expiry = spec.caConfig?.nodeCertExpiry;
  if (expiry !== undefined && nanosecondsOf(expiry) < hourNs)
    throw invalid('minimum certificate expiry time is: 1h0m0s');
  for (const { secret } of spec.acceptancePolicy?.policies ?? [])
    if (secret !== undefined && secret.alg.toLowerCase() !== 'bcrypt')
      throw invalid(`hashing algorithm is not supported: ${secret.alg}`);
  if (isNegative(spec.dispatcher?.heartbeatPeriod))
    throw invalid('heartbeat time period cannot be a negative duration');
  if (spec.annotations?.name !== 'default')
    throw invalid('modification of cluster name is not allowed');
}
