import { Reconcilers } from '@swarmkit/sdk/contracts/reconciler';
import { definePlugin } from '@swarmkit/sdk/plugin/plugin';
import { Allocator } from './shell/allocator.js';

/** Gives services their ports and moves tasks from NEW to PENDING. */
export const allocator = definePlugin({
  id: 'allocator',
  version: '0.1.0',
  scope: 'leader',
  contributes: [Reconcilers],
  policy: 'degrade',
  register(ctx) {
    ctx.provide(Reconcilers, new Allocator());
  },
});

export default allocator;
