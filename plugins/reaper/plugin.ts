import { type Reconciler, Reconcilers, Ring } from '@swarmkit/sdk/contracts/reconciler';
import { definePlugin } from '@swarmkit/sdk/plugin/plugin';
import { reap } from './core/reap.js';

export const reaperStage: Reconciler = {
  writer: { id: 'reaper', writes: ['task.deletion'] },
  order: Ring.reaper,
  reconcile: reap,
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
