import { RpcServer } from '@swarmkit/sdk/contracts/rpc';
import { Store } from '@swarmkit/sdk/contracts/store';
import { definePlugin } from '@swarmkit/sdk/plugin/plugin';
import { filter } from 'rxjs';
import { Relay } from './shell/relay.js';

export interface GossipRelayConfig {
  /** Where Docker's engines look for managers, and listen themselves. */
  readonly port?: number;
}

/** Lets Docker engines find each other through managers that do not gossip. */
export const gossipRelay = definePlugin<GossipRelayConfig>({
  id: 'gossip-relay',
  version: '0.1.0',
  scope: 'manager',
  requires: [Store, RpcServer],
  policy: 'degrade',
  config: {
    type: 'object',
    properties: { port: { type: 'integer', minimum: 1, maximum: 65_535 } },
  },

  start(ctx) {
    const store = ctx.get(Store);
    const { port = 7946 } = ctx.config;
    const relay = new Relay({
      view: () => store.view(),
      random: ctx.env.random,
      clock: ctx.env.clock,
      log: ctx.log,
      partnerPort: port,
      remote: () =>
        ctx
          .get(RpcServer)
          .endpoints()
          .find(({ exposure }) => exposure === 'remote')?.address,
    });
    const look = (): void => relay.look(port);
    ctx.run('relay', () => relay.run(ctx.signal));
    const ofNodes = filter(
      ({ changes }: { readonly changes: readonly { readonly kind: string }[] }) =>
        changes.some(({ kind }) => kind === 'node'),
    );
    ctx.consume('nodes', store.commits$.pipe(ofNodes), look);
    look();
  },
});

export default gossipRelay;
