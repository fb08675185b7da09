import type { Ipam } from '@swarmkit/sdk/contracts/ipam';
import {
  type Reconciler,
  Ring,
  type TurnInput,
  type TurnResult,
} from '@swarmkit/sdk/contracts/reconciler';
import type { Writer } from '@swarmkit/sdk/contracts/store';
import type { Logger } from '@swarmkit/sdk/plugin/plugin';
import { allocate } from '../core/allocate.js';
import { Alarms } from './alarms.js';

export class Allocator implements Reconciler {
  readonly writer: Writer = {
    id: 'allocator',
    writes: ['task.allocation', 'service.endpoint', 'network.allocation', 'node.attachments'],
  };
  readonly order = Ring.allocator;
  private readonly alarms: Alarms | undefined;

  /** `limit`: tasks a run, about. `ipam` is asked for at the first turn. */
  constructor(
    private readonly ipam: () => Ipam,
    private readonly limit = 100,
    log?: Logger,
  ) {
    this.alarms = log === undefined ? undefined : new Alarms(log);
  }

  reconcile(input: TurnInput): TurnResult {
    const { usage, withoutAddress, unfinished } = allocate(input, this.ipam(), this.limit);
    this.alarms?.take(usage, withoutAddress);
    return { unfinished };
  }
}
