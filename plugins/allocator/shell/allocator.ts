import {
  type Reconciler,
  Ring,
  type TurnInput,
  type TurnResult,
} from '@swarmkit/sdk/contracts/reconciler';
import type { Writer } from '@swarmkit/sdk/contracts/store';
import { allocate } from '../core/allocate.js';

export class Allocator implements Reconciler {
  readonly writer: Writer = {
    id: 'allocator',
    writes: ['task.allocation', 'service.endpoint', 'network.allocation'],
  };
  readonly order = Ring.allocator;

  /** `limit`: tasks a run, about. */
  constructor(private readonly limit = 100) {}

  reconcile(input: TurnInput): TurnResult {
    return allocate(input, this.limit);
  }
}
