import { NodeIdentity } from '@swarmkit/sdk/contracts/identity';
import { Authorizers } from '@swarmkit/sdk/contracts/authorizer';
import { RpcClient, RpcServer } from '@swarmkit/sdk/contracts/rpc';
import { invariant } from '@swarmkit/sdk/plugin/errors';
import { definePlugin } from '@swarmkit/sdk/plugin/plugin';
import { DEFAULT_LIMITS, type Limits } from './core/crowd.js';
import { Client } from './shell/client.js';
import { Server } from './shell/server.js';

export interface RpcConfig {
  /** Path of the control socket. */
  readonly controlSocket: string;
  /** `host:port` that other nodes reach this one at; no port is opened without it. */
  readonly remoteAddress?: string;
  /** See `Limits` in core/crowd.ts; what is not named has its default. */
  readonly limits?: Partial<Limits>;
}

const servers = new WeakMap<object, Server>();

export const rpc = definePlugin<RpcConfig>({
  id: 'rpc',
  version: '0.1.0',
  scope: 'node',
  requires: [NodeIdentity],
  provides: [RpcServer, RpcClient],
  accepts: [Authorizers],
  config: {
    type: 'object',
    properties: {
      controlSocket: { type: 'string' },
      remoteAddress: { type: 'string' },
      limits: {
        type: 'object',
        properties: Object.fromEntries(
          Object.keys(DEFAULT_LIMITS).map((name) => [name, { type: 'integer', minimum: 1 }]),
        ),
        additionalProperties: false,
      },
    },
    required: ['controlSocket'],
    additionalProperties: false,
  },

  register(ctx) {
    const server = new Server({
      limits: ctx.config.limits,
      clock: ctx.env.clock,
      log: ctx.log,
      fault: (where, error) => ctx.fault(where, error),
    });
    servers.set(ctx, server);
    ctx.provide(RpcServer, server);
    ctx.provide(RpcClient, new Client(ctx.get(NodeIdentity), () => ctx.env.clock.now()));
  },

  async start(ctx) {
    const identity = ctx.get(NodeIdentity);
    const server = servers.get(ctx);
    invariant(server !== undefined, 'RPC_NOT_REGISTERED');
    await server.listen({
      ...ctx.config,
      identity: identity.current(),
      authorizers: ctx.all(Authorizers),
    });
    ctx.consume('ca.identity', identity.identity$, (next) => server.use(next));
  },

  async stop(ctx) {
    await servers.get(ctx)?.stop();
  },
});

export default rpc;
