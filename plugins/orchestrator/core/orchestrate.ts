/** One run of the orchestrator's stage. */
import type {
  ObjectFailure,
  ObjectRef,
  TurnInput,
  TurnResult,
} from '@swarmkit/sdk/contracts/reconciler';
import { affectedServices } from './affected-services.js';
import { dissolve, reconcileService } from './reconcile-service.js';
import { World } from './world.js';

/** One change, with what it costs in the stages after this one, is worth reading so many slots. */
const READS_FOR_A_CHANGE = 50;
/** What it costs to find that a service needs nothing, in slots read. */
const READS_FOR_A_SERVICE = 8;
/** And tasks on changed nodes, of which only the service is looked at. */
const NODE_READS_FOR_A_CHANGE = 12;

interface Run extends TurnResult {
  readonly unfinished: readonly ObjectRef[];
  readonly failures: readonly ObjectFailure[];
}

/**
 * About `limit` changes, the same share for each service; what is left of one is for the next run, so
 * that nobody waits for the 10,000 tasks of somebody else. So are services that it does not come to,
 * since others had many slots to be read; every run begins with another one, so that none is always last.
 * Nor does anybody wait for a service that cannot be worked out: it is left out, and named.
 */
export function orchestrate(input: TurnInput, limit: number): TurnResult {
  const world = new World(input);
  const { ids, left } = affectedServices(world, input.dirty, limit * NODE_READS_FOR_A_CHANGE);
  const result = cautiously(world, rotated(ids, input.draft.index), limit);
  return left.length === 0 ? result : { ...result, unfinished: [...left, ...result.unfinished] };
}

function cautiously(world: World, ids: readonly string[], limit: number): Run {
  const start = world.draft.mark();
  const together = inTurn(world, ids, limit, false);
  if (together.failures.length === 0) return together;
  // Seldom: begin again with a mark before each service. To set one is not free, so it is not the rule.
  world.draft.rollback(start);
  world.slotsRead = 0;
  return inTurn(world, ids, limit, true);
}

/** `apart`: a service that throws is undone by itself, and the others go on; else it ends the run. */
function inTurn(world: World, ids: readonly string[], limit: number, apart: boolean): Run {
  const share = Math.ceil(limit / ids.length);
  const unfinished: ObjectRef[] = [];
  const failures: ObjectFailure[] = [];
  for (const id of ids) {
    const object = { kind: 'service', id } as const;
    const mark = apart ? world.draft.mark() : undefined;
    try {
      if (!isFinished(world, id, limit, share)) unfinished.push(object);
    } catch (error) {
      failures.push({ object, error });
      if (mark === undefined) break;
      world.draft.rollback(mark);
    }
  }
  return { wakeAt: world.wake, unfinished, failures };
}

function isFinished(world: World, id: string, limit: number, share: number): boolean {
  if (world.slotsRead > limit * READS_FOR_A_CHANGE) return false;
  world.slotsRead += READS_FOR_A_SERVICE;
  const service = world.draft.get('service', id);
  return service === undefined || service.pendingDelete
    ? dissolve(world, id, share)
    : reconcileService(world, service, share);
}

const idDigits = '0123456789abcdefghijklmnopqrstuvwxyz';

/** In the order of ids, but from another digit on each time: whichever others there are, two keep their order. */
function rotated(ids: readonly string[], index: bigint): readonly string[] {
  const first = idDigits.charAt(Number(index % BigInt(idDigits.length)));
  return [...ids.filter((id) => id >= first), ...ids.filter((id) => id < first)];
}
