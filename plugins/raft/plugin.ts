import { Consensus, type Leadership, type Member } from '@swarmkit/sdk/contracts/consensus';
import { DataKeys } from '@swarmkit/sdk/contracts/data-keys';
import { IdentityNews, KnownManagers, NodeIdentity } from '@swarmkit/sdk/contracts/identity';
import { Membership } from '@swarmkit/sdk/contracts/membership';
import { RpcClient, RpcServer } from '@swarmkit/sdk/contracts/rpc';
import { ScopeGates } from '@swarmkit/sdk/contracts/scope-gate';
import { Storage } from '@swarmkit/sdk/contracts/storage';
import { definePlugin } from '@swarmkit/sdk/plugin/plugin';
import { distinctUntilChanged, map } from 'rxjs';
import { type RaftConfig, raftConfig } from './shell/config.js';
import { memberRemoved } from './shell/raft-error.js';
import { RaftNode } from './shell/raft-node.js';

const nodes = new WeakMap<object, RaftNode>();

export const raft = definePlugin<RaftConfig>({
  id: 'raft',
  version: '0.1.0',
  scope: 'manager',
  requires: [Storage, NodeIdentity, RpcServer, RpcClient],
  optional: [IdentityNews, KnownManagers, DataKeys],
  provides: [Consensus, Membership],
  contributes: [ScopeGates],
  policy: 'stop-node',
  config: raftConfig,
  register(ctx) {
    const node = new RaftNode({
      storage: ctx.get(Storage),
      server: ctx.get(RpcServer),
      client: ctx.get(RpcClient),
      env: ctx.env,
      log: ctx.log,
      config: ctx.config,
      leadership: ctx.channel<Leadership>('leadership', { replayLast: true }),
      members: ctx.channel<readonly Member[]>('members', {
        replayLast: true,
        overflow: 'coalesce',
      }),
      fault: (where, error) => ctx.fault(where, error),
      known: ctx.maybe(KnownManagers),
      dataKeys: ctx.maybe(DataKeys),
      expelled: () => {
        const news = ctx.maybe(IdentityNews);
        if (news === undefined) ctx.fault('membership', memberRemoved());
        else news.dismissed();
      },
    });
    nodes.set(ctx, node);
    ctx.provide(Consensus, node);
    ctx.provide(Membership, node.colleagues.group);
    ctx.provide(ScopeGates, {
      scope: 'leader',
      open$: node.leadership$.pipe(
        map(({ leading }) => leading),
        distinctUntilChanged(),
      ),
    });
  },
  async start(ctx) {
    const keys = ctx.maybe(DataKeys);
    if (keys !== undefined)
      ctx.consume('data keys', keys.changed$, () => nodes.get(ctx)?.rotateKey());
    await nodes.get(ctx)?.start(ctx.get(NodeIdentity).current().nodeId, ctx.signal);
  },
  async stop(ctx) {
    await nodes.get(ctx)?.stop(ctx.get(NodeIdentity).current().role === 'worker');
  },
});

export default raft;
