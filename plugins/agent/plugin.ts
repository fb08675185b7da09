import { LocalTasks } from '@swarmkit/sdk/contracts/departure';
import { Executors } from '@swarmkit/sdk/contracts/executor';
import { IdentityNews, KnownManagers, NodeIdentity } from '@swarmkit/sdk/contracts/identity';
import { TaskLogs } from '@swarmkit/sdk/contracts/log-sink';
import { RpcClient } from '@swarmkit/sdk/contracts/rpc';
import { Storage } from '@swarmkit/sdk/contracts/storage';
import { type Context, definePlugin } from '@swarmkit/sdk/plugin/plugin';
import { Agent, type AgentConfig, defaultHeavyLimit } from './shell/agent.js';

/** Drives this node's tasks from assigned to finished, as the managers want them. */

const agents = new WeakMap<Context<AgentConfig>, Agent>();
const text = { type: 'string', minLength: 1 } as const;

export const agent = definePlugin<AgentConfig>({
  id: 'agent',
  version: '0.1.0',
  scope: 'agent',
  requires: [NodeIdentity, RpcClient, Storage],
  optional: [IdentityNews, KnownManagers, TaskLogs],
  provides: [LocalTasks],
  accepts: [Executors],
  policy: 'restart',
  config: {
    type: 'object',
    properties: {
      hostname: { ...text, description: "default: the machine's" },
      genericResources: { ...text, description: 'of its own kinds, like fpga=2,gpu=UUID1' },
      managers: {
        type: 'array',
        items: text,
        description: 'host:port of managers to join by',
      },
      controlSocket: { ...text, description: "path of this node's own control socket" },
      heavyLimit: {
        type: 'integer',
        minimum: 1,
        default: defaultHeavyLimit,
        description: 'tasks prepared or started at once',
      },
    },
  },

  register(ctx) {
    const end = async (signal: AbortSignal) => (await agents.get(ctx)?.end(signal)) ?? false;
    ctx.provide(LocalTasks, { end });
  },

  async start(ctx) {
    const identity = ctx.get(NodeIdentity);
    const executors = ctx.all(Executors);
    const known = (ctx.maybe(KnownManagers)?.others() ?? []).map(({ address }) => address);
    const agent = new Agent({
      env: ctx.env,
      log: ctx.log,
      config: { ...ctx.config, managers: [...(ctx.config.managers ?? []), ...known] },
      identity,
      identityNews: ctx.maybe(IdentityNews),
      client: ctx.get(RpcClient),
      storage: ctx.get(Storage),
      executors,
      logs: ctx.maybe(TaskLogs),
      run: (where, work) => ctx.run(where, work),
    });
    agents.set(ctx, agent);
    await agent.start();
    ctx.consume('ca.identity', identity.identity$, () => agent.onIdentity());
    for (const executor of executors)
      ctx.consume(`executor-${executor.id}.events`, executor.events$, ({ what }) => {
        if (what === 'available') agent.onAvailable();
      });
  },

  async stop(ctx) {
    await agents.get(ctx)?.stop();
  },
});

export default agent;
