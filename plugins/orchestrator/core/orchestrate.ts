/** One run of the orchestrator's stage. */
import type { TurnInput, TurnResult } from '@swarmkit/sdk/contracts/reconciler';
import { affectedServices } from './affected-services.js';
import { dissolve, reconcileService } from './reconcile-service.js';
import { World } from './world.js';

/** One change, with what it costs in the stages after this one, is worth reading so many slots. */
const READS_FOR_A_CHANGE = 50;
/** What it costs to find that a service needs nothing, in slots read. */
const READS_FOR_A_SERVICE = 8;

/**
 * About `limit` changes, the same share for each service; what is left of one is for the next run, so
 * that nobody waits for the 10,000 tasks of somebody else. So are services that it does not come to,
 * since others had many slots to be read; every run begins with another one, so that none is always last.
 */
export function orchestrate(input: TurnInput, limit: number): TurnResult {
  const world = new World(input);
  const ids = rotated(affectedServices(world, input.dirty), input.draft.index);
  const share = Math.ceil(limit / ids.length);
  const isUnfinished = (id: string): boolean => {
    if (world.slotsRead > limit * READS_FOR_A_CHANGE) return true;
    world.slotsRead += READS_FOR_A_SERVICE;
    const service = input.draft.get('service', id);
    return service === undefined || service.pendingDelete
      ? !dissolve(world, id, share)
      : !reconcileService(world, service, share);
  };
  const unfinished = ids.filter(isUnfinished).map((id) => ({ kind: 'service' as const, id }));
  return { wakeAt: world.wake, unfinished };
}

const idDigits = '0123456789abcdefghijklmnopqrstuvwxyz';

/** In the order of ids, but from another digit on each time: whichever others there are, two keep their order. */
function rotated(ids: readonly string[], index: bigint): readonly string[] {
  const first = idDigits.charAt(Number(index % BigInt(idDigits.length)));
  return [...ids.filter((id) => id >= first), ...ids.filter((id) => id < first)];
}
