import { Consensus } from '@swarmkit/sdk/contracts/consensus';
import { NodeIdentity } from '@swarmkit/sdk/contracts/identity';
import { RpcClient, RpcServer, type Unmount } from '@swarmkit/sdk/contracts/rpc';
import { definePlugin } from '@swarmkit/sdk/plugin/plugin';
import { PASSED_ON } from './core/services.js';
import { LeaderProxy } from './shell/leader-proxy.js';

const running = new WeakMap<object, () => void>();

/** While another manager leads, calls that only the leader can answer are passed on to it. */
export const leaderProxy = definePlugin({
  id: 'leader-proxy',
  version: '0.1.0',
  scope: 'manager',
  // The identity is what the connection to the leader shows.
  requires: [Consensus, RpcServer, RpcClient, NodeIdentity],
  policy: 'restart',

  start(ctx) {
    const consensus = ctx.get(Consensus);
    const proxy = new LeaderProxy({ consensus, client: ctx.get(RpcClient), clock: ctx.env.clock });
    ctx.consume('consensus.leadership', consensus.leadership$, (now) => proxy.saw(now));
    const server = ctx.get(RpcServer);
    const unmounts: Unmount[] = PASSED_ON.map(([definition, expose]) =>
      server.mountStandIn({
        definition,
        expose,
        defers: () => proxy.leads(),
        route: (call, way) => proxy.route(call, way),
      }),
    );
    running.set(ctx, () => {
      proxy.stop();
      for (const unmount of unmounts) unmount();
    });
  },

  stop(ctx) {
    running.get(ctx)?.();
  },
});

export default leaderProxy;
