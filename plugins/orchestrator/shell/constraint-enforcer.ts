import {
  type Reconciler,
  Ring,
  type TurnInput,
  type TurnResult,
} from '@swarmkit/sdk/contracts/reconciler';
import type { Writer } from '@swarmkit/sdk/contracts/store';
import { enforceConstraints } from '../core/enforce-constraints.js';
import { enforceVolumes } from '../core/enforce-volumes.js';

/** Rejects tasks whose node changed so that they may not stay, and those on volumes that are drained. */
export class ConstraintEnforcer implements Reconciler {
  readonly writer: Writer = { id: 'constraint-enforcer', writes: ['task.eviction'] };
  readonly order = Ring.constraintEnforcer;

  /** `limit`: tasks a run, about. */
  constructor(private readonly limit = 100) {}

  reconcile(input: TurnInput): TurnResult {
    return {
      unfinished: [...enforceVolumes(input, this.limit), ...enforceConstraints(input, this.limit)],
    };
  }
}
