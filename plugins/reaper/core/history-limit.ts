import type { View } from '@swarmkit/sdk/contracts/store';
import { isJob } from '@swarmkit/sdk/model/task';
import type { Service } from '@swarmkit/sdk/wire/gen/swarmkit/objects';

/** The cluster object is always called this. */
const clusterName = 'default';
/** What a cluster begins with; holds until its object is there. */
const defaultLimit = 5n;

/**
 * How many tasks a slot of this service may hold; undefined: any number. A service with `max_attempts`
 * keeps one more than those, be it less than the cluster's limit or more: restarts are counted by the
 * tasks that are left. Tasks of jobs are their result and stay.
 */
export function historyLimit(service: Service, view: View): number | undefined {
  if (isJob(service)) return undefined;
  const attempts = service.spec?.task?.restart?.maxAttempts ?? 0n;
  if (attempts > 0n) return Number(attempts) + 1;
  const [cluster] = view.find('cluster', { by: 'name', value: clusterName });
  const limit = cluster?.spec?.orchestration?.taskHistoryRetentionLimit ?? defaultLimit;
  return limit < 0n ? undefined : Number(limit);
}
