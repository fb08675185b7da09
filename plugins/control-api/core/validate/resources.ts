import type { ResourceRequirements, Resources } from '@swarmkit/sdk/wire/gen/swarmkit/types';
import { invalid } from '../refusals.js';

const minNanoCpus = 1_000_000n;
const minMemoryBytes = 4n << 20n;

export function validateResources(requirements: ResourceRequirements | undefined): void {
  validateAmounts(requirements?.limits);
  validateAmounts(requirements?.reservations);
}

function validateAmounts(amounts: Resources | undefined): void {
  if (amounts === undefined) return;
  if (amounts.nanoCpus !== 0n && amounts.nanoCpus < minNanoCpus)
    throw invalid(
      `invalid cpu value ${shortFloat(Number(amounts.nanoCpus) / 1e9)}: Must be at least 0.001`,
    );
  if (amounts.memoryBytes !== 0n && amounts.memoryBytes < minMemoryBytes)
    throw invalid(`invalid memory value ${amounts.memoryBytes}: Must be at least 4MiB`);
}

/** As C's %g prints it with the fewest digits: an exponent below 1e-4 and from 1e+06 on, two digits of it. */
export function shortFloat(value: number): string {
  const [digits = '', exponentText = '0'] = value.toExponential().split('e');
  const exponent = Number(exponentText);
  if (exponent >= -4 && exponent < 6) return String(value);
  const sign = exponent < 0 ? '-' : '+';
  return `${digits}e${sign}${String(Math.abs(exponent)).padStart(2, '0')}`;
}
