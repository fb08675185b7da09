import { Consensus } from '@swarmkit/sdk/contracts/consensus';
import { type Commit, Store } from '@swarmkit/sdk/contracts/store';
import { definePlugin } from '@swarmkit/sdk/plugin/plugin';
import { requestIds } from './shell/request-ids.js';
import { StoreService } from './shell/store-service.js';

/** The instance between `register` and `start`: one a life of the manager scope. */
const services = new WeakMap<object, StoreService>();

export const store = definePlugin({
  id: 'store',
  version: '0.1.0',
  scope: 'manager',
  requires: [Consensus],
  provides: [Store],
  policy: 'stop-node',
  register(ctx) {
    const consensus = ctx.get(Consensus);
    const service = new StoreService({
      consensus,
      clock: ctx.env.clock,
      requestId: requestIds(ctx.env.random),
      commits: ctx.channel<Commit>('commits'),
      log: ctx.log,
    });
    consensus.attach(service);
    ctx.provide(Store, service);
    services.set(ctx, service);
  },
  start(ctx) {
    ctx.consume('leadership', ctx.get(Consensus).leadership$, ({ leading }) => {
      if (!leading) services.get(ctx)?.dropInFlight();
    });
  },
});

export default store;
