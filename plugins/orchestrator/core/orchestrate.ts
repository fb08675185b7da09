/** One run of the orchestrator's stage. */
import type { TurnInput, TurnResult } from '@swarmkit/sdk/contracts/reconciler';
import { affectedServices } from './affected-services.js';
import { dissolve, reconcileService } from './reconcile-service.js';
import { World } from './world.js';

export function orchestrate(input: TurnInput): TurnResult {
  const world = new World(input);
  for (const id of affectedServices(world, input.dirty)) {
    const service = input.draft.get('service', id);
    if (service === undefined || service.pendingDelete) dissolve(world, id);
    else reconcileService(world, service);
  }
  return { wakeAt: world.wake };
}
