import { Reconcilers } from '@swarmkit/sdk/contracts/reconciler';
import { Store } from '@swarmkit/sdk/contracts/store';
import { definePlugin } from '@swarmkit/sdk/plugin/plugin';
import { Ring } from './core/ring.js';
import { TurnLoop } from './shell/turn-loop.js';

export const turn = definePlugin({
  id: 'turn',
  version: '0.1.0',
  scope: 'leader',
  requires: [Store],
  accepts: [Reconcilers],
  start(ctx) {
    const store = ctx.get(Store);
    const ring = new Ring(ctx.all(Reconcilers));
    const loop = new TurnLoop({
      store,
      ring,
      env: ctx.env,
      log: ctx.log,
      signal: ctx.signal,
      fault: (where, error) => ctx.fault(where, error),
    });
    ctx.log.debug({ stages: ring.stages }, 'ring');
    ctx.consume('commits', store.commits$, (commit) => loop.noteCommit(commit));
    ctx.run('turns', () => loop.run());
  },
});

export default turn;
