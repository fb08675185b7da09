import { RpcServer } from '@swarmkit/sdk/contracts/rpc';
import { Store } from '@swarmkit/sdk/contracts/store';
import { SwarmError } from '@swarmkit/sdk/plugin/errors';
import { type Context, definePlugin } from '@swarmkit/sdk/plugin/plugin';
import { LogBrokerService, LogsService } from '@swarmkit/sdk/wire/gen/swarmkit/logbroker';
import { LogBroker } from './shell/broker.js';
import { brokerHandlers, logsHandlers } from './shell/handlers.js';

const ends = new WeakMap<Context, () => void>();

/** Passes the output of tasks from their nodes to who asks for it, while this manager leads. */
export const logBroker = definePlugin({
  id: 'log-broker',
  version: '0.1.0',
  scope: 'leader',
  requires: [Store, RpcServer],
  policy: 'restart',

  start(ctx) {
    const store = ctx.get(Store);
    const server = ctx.get(RpcServer);
    const broker = new LogBroker(store, ctx.env);
    ctx.consume('store.commits', store.commits$, (commit) => broker.onCommit(commit));
    const expose = ['control', 'remote'] as const;
    const unmounts = [
      server.mount({ definition: LogsService, expose, handlers: logsHandlers(broker) }),
      server.mount({ definition: LogBrokerService, expose, handlers: brokerHandlers(broker) }),
    ];
    ends.set(ctx, () => {
      const over = new SwarmError('unknown', 'BROKER_STOPPED', 'broker is not running');
      for (const unmount of unmounts) unmount(over);
    });
  },

  stop(ctx) {
    ends.get(ctx)?.();
  },
});

export default logBroker;
