import { CertificateAuthority } from '@swarmkit/sdk/contracts/certificate-authority';
import { NodeIdentity } from '@swarmkit/sdk/contracts/identity';
import { Store } from '@swarmkit/sdk/contracts/store';
import { definePlugin } from '@swarmkit/sdk/plugin/plugin';
import { seedUntilDone } from './shell/seeder.js';

export const cluster = definePlugin({
  id: 'cluster',
  version: '0.1.0',
  scope: 'leader',
  requires: [Store, NodeIdentity, CertificateAuthority],
  // It fails only where certificates and stored state do not belong together: nothing good can follow.
  policy: 'stop-node',

  start(ctx) {
    const parts = {
      store: ctx.get(Store),
      identity: ctx.get(NodeIdentity),
      authority: ctx.get(CertificateAuthority),
      env: ctx.env,
      log: ctx.log,
    };
    ctx.run('seed', () => seedUntilDone(parts, ctx.signal));
  },
});

export default cluster;
