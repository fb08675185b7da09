import { Reconcilers } from '@swarmkit/sdk/contracts/reconciler';
import { definePlugin } from '@swarmkit/sdk/plugin/plugin';
import { ConstraintEnforcer } from './shell/constraint-enforcer.js';
import { Orchestrator } from './shell/orchestrator.js';

/** Decides which tasks should exist, and takes them off nodes that no longer suit them. */
export const orchestrator = definePlugin({
  id: 'orchestrator',
  version: '0.1.0',
  scope: 'leader',
  contributes: [Reconcilers],
  policy: 'degrade',
  register(ctx) {
    ctx.provide(Reconcilers, new Orchestrator());
    ctx.provide(Reconcilers, new ConstraintEnforcer());
  },
});

export default orchestrator;
