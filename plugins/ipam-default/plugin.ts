import { Ipam } from '@swarmkit/sdk/contracts/ipam';
import { definePlugin } from '@swarmkit/sdk/plugin/plugin';
import { defaultIpam } from './core/default-ipam.js';

/** Says which subnets networks get and which address comes next. */
export const ipamDefault = definePlugin({
  id: 'ipam-default',
  version: '0.1.0',
  scope: 'leader',
  provides: [Ipam],
  register(ctx) {
    ctx.provide(Ipam, defaultIpam);
  },
});

export default ipamDefault;
