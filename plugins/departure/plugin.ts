import { Departure, LocalTasks } from '@swarmkit/sdk/contracts/departure';
import { KnownManagers, NodeIdentity } from '@swarmkit/sdk/contracts/identity';
import { type Call, RpcServer, type Unmount } from '@swarmkit/sdk/contracts/rpc';
import { type Context, definePlugin } from '@swarmkit/sdk/plugin/plugin';
import { type LeaveRequest, NodeInfo, NodeService } from '@swarmkit/sdk/wire/gen/node/node';
import { Leaving } from './shell/leaving.js';

const unmounts = new WeakMap<Context, Unmount>();

export const departure = definePlugin({
  id: 'departure',
  version: '0.1.0',
  scope: 'agent',
  requires: [NodeIdentity, RpcServer, LocalTasks],
  // A program that cannot erase the state of its node cannot let it leave.
  optional: [KnownManagers, Departure],

  start(ctx) {
    const { env, log } = ctx;
    const identity = ctx.get(NodeIdentity);
    const known = ctx.maybe(KnownManagers);
    const way = ctx.maybe(Departure);
    const tasks = ctx.get(LocalTasks);
    const leaving = way && new Leaving({ identity, tasks, departure: way, clock: env.clock, log });
    const info = (): NodeInfo => {
      const { nodeId, clusterId, role, notAfter } = identity.current();
      const managers = (known?.others() ?? []).map(({ address }) => address);
      return NodeInfo.create({
        nodeId,
        clusterId,
        role,
        certificateExpiresAt: BigInt(notAfter),
        managers,
      });
    };
    const unmount = ctx.get(RpcServer).mount({
      definition: NodeService,
      expose: ['control'],
      handlers: {
        info: { unary: info },
        ...(leaving && {
          leave: {
            unary: async ({ force }: LeaveRequest, { signal }: Call) => {
              await leaving.leave(force, signal);
              return {};
            },
          },
        }),
      },
    });
    unmounts.set(ctx, unmount);
  },

  stop(ctx) {
    unmounts.get(ctx)?.();
  },
});

export default departure;
