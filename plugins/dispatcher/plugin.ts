import { Consensus } from '@swarmkit/sdk/contracts/consensus';
import { NodeIdentity } from '@swarmkit/sdk/contracts/identity';
import { Membership } from '@swarmkit/sdk/contracts/membership';
import { RpcServer } from '@swarmkit/sdk/contracts/rpc';
import { SecretDrivers } from '@swarmkit/sdk/contracts/secret-driver';
import { Store } from '@swarmkit/sdk/contracts/store';
import { SwarmError } from '@swarmkit/sdk/plugin/errors';
import { type Context, definePlugin } from '@swarmkit/sdk/plugin/plugin';
import { DispatcherService } from '@swarmkit/sdk/wire/gen/swarmkit/dispatcher';
import { Dispatcher } from './shell/dispatcher.js';
import { dispatcherHandlers } from './shell/handlers.js';

/** Sends nodes their assignments and takes their reports, while this manager leads. */

const running = new WeakMap<Context, () => Promise<void>>();

export const dispatcher = definePlugin({
  id: 'dispatcher',
  version: '0.1.0',
  scope: 'leader',
  requires: [Store, Consensus, RpcServer, NodeIdentity],
  optional: [Membership],
  accepts: [SecretDrivers],
  policy: 'restart',

  start(ctx) {
    const service = new Dispatcher({
      env: ctx.env,
      log: ctx.log,
      store: ctx.get(Store),
      consensus: ctx.get(Consensus),
      leaderId: ctx.get(NodeIdentity).current().nodeId,
      secretDrivers: () => ctx.all(SecretDrivers),
      run: (where, work) => ctx.run(where, work),
    });
    service.start();
    ctx.consume('store.commits', ctx.get(Store).commits$, (commit) => service.onCommit(commit));
    const membership = ctx.maybe(Membership);
    if (membership !== undefined)
      ctx.consume('membership.members', membership.members$, (members) =>
        service.onMembers(members),
      );
    const unmount = ctx.get(RpcServer).mount({
      definition: DispatcherService,
      expose: ['control', 'remote'],
      handlers: dispatcherHandlers(service),
    });
    running.set(ctx, async () => {
      service.stop();
      // Streams say their last word first.
      await new Promise((said) => setImmediate(said));
      unmount(new SwarmError('aborted', 'DISPATCHER_STOPPED', 'dispatcher is stopped'));
    });
  },

  async stop(ctx) {
    await running.get(ctx)?.();
  },
});

export default dispatcher;
