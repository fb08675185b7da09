import { CertificateAuthority } from '@swarmkit/sdk/contracts/certificate-authority';
import { ExternalAuthority } from '@swarmkit/sdk/contracts/external-authority';
import { NodeIdentity } from '@swarmkit/sdk/contracts/identity';
import { type Context, definePlugin } from '@swarmkit/sdk/plugin/plugin';
import { CfsslAuthority } from './shell/cfssl-authority.js';
import { HttpsClient } from './shell/https-client.js';

const clients = new WeakMap<Context, HttpsClient>();

export const caExternal = definePlugin({
  id: 'ca-external',
  version: '0.1.0',
  scope: 'manager',
  requires: [NodeIdentity, CertificateAuthority],
  provides: [ExternalAuthority],

  register(ctx) {
    const client = new HttpsClient(ctx.get(NodeIdentity), ctx.env.clock);
    clients.set(ctx, client);
    ctx.provide(ExternalAuthority, new CfsslAuthority(client, ctx.get(CertificateAuthority)));
  },

  stop(ctx) {
    clients.get(ctx)?.stop();
  },
});

export default caExternal;
