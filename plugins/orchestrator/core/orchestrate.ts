/** One run of the orchestrator's stage. */
import type { TurnInput, TurnResult } from '@swarmkit/sdk/contracts/reconciler';
import { affectedServices } from './affected-services.js';
import { dissolve, reconcileService } from './reconcile-service.js';
import { World } from './world.js';

/**
 * About `limit` changes, the same share for each service; what is left of one is for the next run, so
 * that nobody waits for the 10,000 tasks of somebody else.
 */
export function orchestrate(input: TurnInput, limit: number): TurnResult {
  const world = new World(input);
  const ids = affectedServices(world, input.dirty);
  const share = Math.ceil(limit / ids.length);
  const isUnfinished = (id: string): boolean => {
    const service = input.draft.get('service', id);
    return service === undefined || service.pendingDelete
      ? !dissolve(world, id, share)
      : !reconcileService(world, service, share);
  };
  const unfinished = ids.filter(isUnfinished).map((id) => ({ kind: 'service' as const, id }));
  return { wakeAt: world.wake, unfinished };
}
