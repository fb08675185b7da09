import { Consensus, type Leadership } from '@swarmkit/sdk/contracts/consensus';
import { NodeIdentity } from '@swarmkit/sdk/contracts/identity';
import { ScopeGates } from '@swarmkit/sdk/contracts/scope-gate';
import { Storage } from '@swarmkit/sdk/contracts/storage';
import { definePlugin } from '@swarmkit/sdk/plugin/plugin';
import { distinctUntilChanged, map } from 'rxjs';
import { type RaftConfig, RaftNode } from './shell/raft-node.js';

const nodes = new WeakMap<object, RaftNode>();

export const raft = definePlugin<RaftConfig>({
  id: 'raft',
  version: '0.1.0',
  scope: 'manager',
  requires: [Storage, NodeIdentity],
  provides: [Consensus],
  contributes: [ScopeGates],
  policy: 'stop-node',
  config: {
    type: 'object',
    properties: {
      snapshotInterval: { type: 'integer', minimum: 0, default: 10_000 },
      keepEntries: { type: 'integer', minimum: 0, default: 500 },
      tickMs: { type: 'integer', minimum: 10, default: 1_000 },
      advertiseAddress: { type: 'string' },
    },
  },
  register(ctx) {
    const node = new RaftNode({
      storage: ctx.get(Storage),
      env: ctx.env,
      log: ctx.log,
      config: ctx.config,
      leadership: ctx.channel<Leadership>('leadership', { replayLast: true }),
      fault: (where, error) => ctx.fault(where, error),
    });
    nodes.set(ctx, node);
    ctx.provide(Consensus, node);
    ctx.provide(ScopeGates, {
      scope: 'leader',
      open$: node.leadership$.pipe(
        map(({ leading }) => leading),
        distinctUntilChanged(),
      ),
    });
  },
  async start(ctx) {
    await nodes.get(ctx)?.start(ctx.get(NodeIdentity).current().nodeId);
  },
  async stop(ctx) {
    await nodes.get(ctx)?.stop();
  },
});

export default raft;
