import { Executors } from '@swarmkit/sdk/contracts/executor';
import { NodeIdentity } from '@swarmkit/sdk/contracts/identity';
import { RpcClient } from '@swarmkit/sdk/contracts/rpc';
import { Storage } from '@swarmkit/sdk/contracts/storage';
import { type Context, definePlugin } from '@swarmkit/sdk/plugin/plugin';
import { Agent, type AgentConfig } from './shell/agent.js';

const running = new WeakMap<Context<AgentConfig>, Agent>();

/** Drives this node's tasks from assigned to finished, and tells managers how far they got. */
export const agent = definePlugin<AgentConfig>({
  id: 'agent',
  version: '0.1.0',
  scope: 'agent',
  requires: [NodeIdentity, RpcClient, Storage],
  accepts: [Executors],
  policy: 'restart',
  config: {
    type: 'object',
    properties: {
      hostname: { type: 'string', description: "this node's name; default: the machine's" },
      controlSocket: { type: 'string', description: 'control socket of a manager on this node' },
      managers: {
        type: 'array',
        items: { type: 'string' },
        description: 'addresses of managers to begin with',
      },
    },
  },

  async start(ctx) {
    const service = new Agent({
      env: ctx.env,
      log: ctx.log,
      config: ctx.config,
      identity: ctx.get(NodeIdentity),
      client: ctx.get(RpcClient),
      storage: ctx.get(Storage),
      executors: ctx.all(Executors),
      run: (where, work) => ctx.run(where, work),
    });
    running.set(ctx, service);
    await service.start();
    let known = ctx.get(NodeIdentity).current();
    ctx.consume('ca.identity', ctx.get(NodeIdentity).identity$, (identity) => {
      if (identity !== known) service.onIdentity();
      known = identity;
    });
  },

  async stop(ctx) {
    await running.get(ctx)?.stop();
  },
});

export default agent;
