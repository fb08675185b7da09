import { AdmissionHooks } from '@swarmkit/sdk/contracts/admission';
import { ApiServers } from '@swarmkit/sdk/contracts/api-server';
import { Consensus } from '@swarmkit/sdk/contracts/consensus';
import { RpcServer } from '@swarmkit/sdk/contracts/rpc';
import { Store } from '@swarmkit/sdk/contracts/store';
import { definePlugin } from '@swarmkit/sdk/plugin/plugin';
import { ControlApi } from './shell/control-api.js';

const apis = new WeakMap<object, ControlApi>();

/** The docker.swarmkit.v1.Control service, on the control socket and the remote port. */
export const controlApi = definePlugin({
  id: 'control-api',
  version: '0.1.0',
  scope: 'manager',
  requires: [Store, RpcServer],
  optional: [Consensus],
  accepts: [AdmissionHooks],
  contributes: [ApiServers],
  policy: 'degrade',

  register(ctx) {
    const api = new ControlApi(ctx.get(RpcServer));
    apis.set(ctx, api);
    ctx.provide(ApiServers, api);
  },

  start(ctx) {
    apis.get(ctx)?.start({
      store: ctx.get(Store),
      env: ctx.env,
      consensus: ctx.maybe(Consensus),
      hooks: () => ctx.all(AdmissionHooks),
    });
  },

  stop(ctx) {
    apis.get(ctx)?.stop();
  },
});

export default controlApi;
