import { Ipam } from '@swarmkit/sdk/contracts/ipam';
import { Reconcilers } from '@swarmkit/sdk/contracts/reconciler';
import { definePlugin } from '@swarmkit/sdk/plugin/plugin';
import { Allocator } from './shell/allocator.js';

/** Gives services ports, everybody addresses, and moves tasks from NEW to PENDING. */
export const allocator = definePlugin({
  id: 'allocator',
  version: '0.1.0',
  scope: 'leader',
  requires: [Ipam],
  contributes: [Reconcilers],
  policy: 'degrade',
  register(ctx) {
    ctx.provide(Reconcilers, new Allocator(() => ctx.get(Ipam), undefined, ctx.log));
  },
});

export default allocator;
