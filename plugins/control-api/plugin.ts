import { AdmissionHooks } from '@swarmkit/sdk/contracts/admission';
import { ApiServers } from '@swarmkit/sdk/contracts/api-server';
import { CertificateAuthority } from '@swarmkit/sdk/contracts/certificate-authority';
import { Consensus } from '@swarmkit/sdk/contracts/consensus';
import { ExternalAuthority } from '@swarmkit/sdk/contracts/external-authority';
import { Membership } from '@swarmkit/sdk/contracts/membership';
import { RpcServer } from '@swarmkit/sdk/contracts/rpc';
import { Store } from '@swarmkit/sdk/contracts/store';
import { definePlugin } from '@swarmkit/sdk/plugin/plugin';
import { ControlApi } from './shell/control-api.js';
import { LeaderGate } from './shell/leader-gate.js';

const apis = new WeakMap<object, ControlApi>();

/** The docker.swarmkit.v1.Control service, on the control socket and the remote port. */
export const controlApi = definePlugin<{ readonly maxTasks: number }>({
  id: 'control-api',
  version: '0.1.0',
  scope: 'manager',
  requires: [Store, RpcServer],
  optional: [Consensus, Membership, CertificateAuthority, ExternalAuthority],
  accepts: [AdmissionHooks],
  contributes: [ApiServers],
  policy: 'degrade',
  config: {
    type: 'object',
    properties: {
      // A task takes about 1 kB of the state, and a few more of what the leader works with.
      maxTasks: { type: 'integer', minimum: 1, default: 1_000_000 },
    },
  },

  register(ctx) {
    const api = new ControlApi(ctx.get(RpcServer));
    apis.set(ctx, api);
    ctx.provide(ApiServers, api);
  },

  start(ctx) {
    const consensus = ctx.maybe(Consensus);
    let gate: LeaderGate | undefined;
    if (consensus !== undefined) {
      const standing = new LeaderGate(consensus, ctx.env.clock, ctx.maybe(Membership));
      ctx.consume('consensus.leadership', consensus.leadership$, (now) => standing.saw(now));
      gate = standing;
    }
    apis.get(ctx)?.start(
      {
        store: ctx.get(Store),
        env: ctx.env,
        consensus,
        group: ctx.maybe(Membership),
        hooks: () => ctx.all(AdmissionHooks),
        authority: ctx.maybe(CertificateAuthority),
        external: ctx.maybe(ExternalAuthority),
        maxTasks: ctx.config.maxTasks,
      },
      gate,
    );
  },

  stop(ctx) {
    apis.get(ctx)?.stop();
  },
});

export default controlApi;
