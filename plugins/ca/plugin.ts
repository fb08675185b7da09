import { Authorizers } from '@swarmkit/sdk/contracts/authorizer';
import { CertificateAuthority } from '@swarmkit/sdk/contracts/certificate-authority';
import { DataKeys } from '@swarmkit/sdk/contracts/data-keys';
import { IdentityNews, KnownManagers, NodeIdentity } from '@swarmkit/sdk/contracts/identity';
import { KeyLock } from '@swarmkit/sdk/contracts/key-lock';
import { ScopeGates } from '@swarmkit/sdk/contracts/scope-gate';
import { type Context, definePlugin } from '@swarmkit/sdk/plugin/plugin';
import { authorize } from './core/authorize.js';
import { dialBy } from './shell/dial.js';
import { CurrentIdentity } from './shell/node-identity.js';
import { type CaConfig, NodeLife } from './shell/node-life.js';

const lives = new WeakMap<Context<CaConfig>, NodeLife>();

const part = { type: 'number', minimum: 0, maximum: 1 } as const;
export const ca = definePlugin<CaConfig>({
  id: 'ca',
  version: '0.1.0',
  scope: 'node',
  provides: [NodeIdentity, IdentityNews, KnownManagers, DataKeys, KeyLock, CertificateAuthority],
  contributes: [ScopeGates, Authorizers],
  config: {
    type: 'object',
    properties: {
      dir: { type: 'string' },
      managersFile: { type: 'string' },
      controlSocket: { type: 'string' },
      join: {
        type: 'object',
        properties: {
          addresses: { type: 'array', items: { type: 'string', minLength: 1 }, minItems: 1 },
          token: { type: 'string' },
          availability: { enum: ['active', 'pause', 'drain'] },
        },
        required: ['addresses'],
      },
      unlockKey: { type: 'string' },
      renewal: {
        description: 'parts of the life of a certificate between which it is renewed',
        type: 'object',
        properties: { from: part, to: part },
        required: ['from', 'to'],
      },
    },
    required: ['dir', 'managersFile'],
    additionalProperties: false,
  },

  register(ctx) {
    const { env, log, config } = ctx;
    const last = { replayLast: true };
    const identity = new CurrentIdentity(ctx.channel('identity', last), ctx.channel('duty', last));
    const life = new NodeLife({
      config,
      env,
      log,
      identity,
      dial: dialBy(() => env.clock.now()),
      keysChanged: ctx.channel('keys'),
    });
    lives.set(ctx, life);
    ctx.provide(NodeIdentity, identity);
    ctx.provide(CertificateAuthority, life.authority);
    ctx.provide(IdentityNews, life);
    ctx.provide(KnownManagers, life);
    ctx.provide(DataKeys, life);
    ctx.provide(KeyLock, life);
    for (const gate of identity.gates()) ctx.provide(ScopeGates, gate);
    ctx.provide(Authorizers, {
      id: 'ca',
      authorize: (call) => authorize(call, identity.current().clusterId),
    });
  },

  start: (ctx) => lives.get(ctx)?.start(ctx.signal),

  stop: (ctx) => lives.get(ctx)?.stop(),
});

export default ca;
