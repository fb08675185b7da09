import { CertificateAuthority } from '@swarmkit/sdk/contracts/certificate-authority';
import { NodeIdentity } from '@swarmkit/sdk/contracts/identity';
import { RpcServer } from '@swarmkit/sdk/contracts/rpc';
import { Store } from '@swarmkit/sdk/contracts/store';
import { definePlugin } from '@swarmkit/sdk/plugin/plugin';
import { announce } from './shell/announcer.js';
import { seedUntilDone } from './shell/seeder.js';

export interface ClusterConfig {
  /** `host:port` that other machines reach this manager at; default: from where it listens. */
  readonly advertiseAddress?: string;
}

export const cluster = definePlugin<ClusterConfig>({
  id: 'cluster',
  version: '0.1.0',
  scope: 'leader',
  requires: [Store, NodeIdentity, CertificateAuthority],
  optional: [RpcServer],
  // It fails only where certificates and stored state do not belong together: nothing good can follow.
  policy: 'stop-node',
  config: {
    type: 'object',
    properties: { advertiseAddress: { type: 'string', minLength: 1 } },
  },

  start(ctx) {
    const parts = {
      store: ctx.get(Store),
      identity: ctx.get(NodeIdentity),
      authority: ctx.get(CertificateAuthority),
      env: ctx.env,
      log: ctx.log,
    };
    const address =
      ctx.config.advertiseAddress ??
      ctx
        .maybe(RpcServer)
        ?.endpoints()
        .find(({ exposure }) => exposure === 'remote')?.address;
    ctx.run('seed', async () => {
      const isNew = await seedUntilDone(parts, ctx.signal);
      if (isNew && address !== undefined) announce(parts, address);
    });
  },
});

export default cluster;
