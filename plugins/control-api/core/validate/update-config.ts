import type { RestartPolicy, UpdateConfig } from '@swarmkit/sdk/wire/gen/swarmkit/types';
import { invalid } from '../refusals.js';
import { isNegative } from './duration.js';

export function validateRestart(policy: RestartPolicy | undefined): void {
  if (isNegative(policy?.delay)) throw invalid('TaskSpec: restart-delay cannot be negative');
  if (isNegative(policy?.window)) throw invalid('TaskSpec: restart-window cannot be negative');
}

/** Only of updates: SwarmKit does not look at the rollback's. */
export function validateUpdateConfig(update: UpdateConfig | undefined): void {
  if (update === undefined) return;
  if (isNegative(update.delay)) throw invalid('TaskSpec: update-delay cannot be negative');
  if (isNegative(update.monitor)) throw invalid('TaskSpec: update-monitor cannot be negative');
  // Written so that not-a-number is refused too.
  if (!(update.maxFailureRatio >= 0 && update.maxFailureRatio <= 1))
    throw invalid('TaskSpec: update-maxfailureratio cannot be less than 0 or bigger than 1');
}
