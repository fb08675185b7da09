import {
  type Reconciler,
  Ring,
  type TurnInput,
  type TurnResult,
} from '@swarmkit/sdk/contracts/reconciler';
import type { Writer } from '@swarmkit/sdk/contracts/store';
import { orchestrate } from '../core/orchestrate.js';

/** Decides which tasks there should be, and what should become of them. */
export class Orchestrator implements Reconciler {
  readonly writer: Writer = {
    id: 'orchestrator',
    writes: ['task.existence', 'task.desiredState', 'service.updateStatus', 'service.jobStatus'],
  };
  readonly order = Ring.orchestrator;

  /** `limit`: changes a run, about. Each costs 0.1 ms and more with what the stages after this one make of it. */
  constructor(private readonly limit = 64) {}

  reconcile(input: TurnInput): TurnResult {
    return orchestrate(input, this.limit);
  }
}
