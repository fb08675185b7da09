import { CertificateAuthority } from '@swarmkit/sdk/contracts/certificate-authority';
import { NodeIdentity } from '@swarmkit/sdk/contracts/identity';
import { Authorizers } from '@swarmkit/sdk/contracts/authorizer';
import { ScopeGates } from '@swarmkit/sdk/contracts/scope-gate';
import { invariant } from '@swarmkit/sdk/plugin/errors';
import { type Context, definePlugin } from '@swarmkit/sdk/plugin/plugin';
import { authorize } from './core/authorize.js';
import { Authority } from './shell/authority.js';
import { CertificateFolder } from './shell/folder.js';
import { IdentityStore } from './shell/identity-store.js';
import { CurrentIdentity } from './shell/node-identity.js';
import { Renewer } from './shell/renewer.js';

export interface CaConfig {
  /** Folder of the certificates, `<state>/certificates`. */
  readonly dir: string;
}

interface Parts {
  readonly store: IdentityStore;
  readonly identity: CurrentIdentity;
  readonly renewer: Renewer;
}

const parts = new WeakMap<Context<CaConfig>, Parts>();

export const ca = definePlugin<CaConfig>({
  id: 'ca',
  version: '0.1.0',
  scope: 'node',
  provides: [NodeIdentity, CertificateAuthority],
  contributes: [ScopeGates, Authorizers],
  config: {
    type: 'object',
    properties: { dir: { type: 'string' } },
    required: ['dir'],
    additionalProperties: false,
  },

  register(ctx) {
    const { env, log } = ctx;
    const authority = new Authority(env);
    const store = new IdentityStore(new CertificateFolder(ctx.config.dir), authority, env, log);
    const identity = new CurrentIdentity(ctx.channel('identity', { replayLast: true }));
    const renewer = new Renewer(env.clock, env.random.fork('renewal'), log, async (held) => {
      const next = await store.renew(held);
      identity.publish(next.identity);
      return next;
    });
    parts.set(ctx, { store, identity, renewer });
    ctx.provide(NodeIdentity, identity);
    ctx.provide(CertificateAuthority, authority);
    for (const gate of identity.gates()) ctx.provide(ScopeGates, gate);
    ctx.provide(Authorizers, {
      id: 'ca',
      authorize: (call) => authorize(call, identity.current().clusterId),
    });
  },

  async start(ctx) {
    const made = parts.get(ctx);
    invariant(made !== undefined, 'CA_NOT_REGISTERED');
    const held = await made.store.open();
    made.identity.publish(held.identity);
    made.renewer.watch(held);
  },

  stop(ctx) {
    parts.get(ctx)?.renewer.stop();
  },
});

export default ca;
