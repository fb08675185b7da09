import { type Reconciler, Reconcilers, Ring } from '@swarmkit/sdk/contracts/reconciler';
import { definePlugin } from '@swarmkit/sdk/plugin/plugin';
import { reap } from './core/reap.js';

/** A removal costs about 30 µs with all that is written. */
const removalsPerTurn = 100;

export const reaperStage: Reconciler = {
  writer: { id: 'reaper', writes: ['task.deletion'] },
  order: Ring.reaper,
  reconcile: (input) => reap(input, removalsPerTurn),
};

export const reaper = definePlugin({
  id: 'reaper',
  version: '0.1.0',
  scope: 'leader',
  contributes: [Reconcilers],
  register(ctx) {
    ctx.provide(Reconcilers, reaperStage);
  },
});

export default reaper;
