import { Consensus } from '@swarmkit/sdk/contracts/consensus';
import { NodeIdentity } from '@swarmkit/sdk/contracts/identity';
import { Membership } from '@swarmkit/sdk/contracts/membership';
import { RpcServer, type Unmount } from '@swarmkit/sdk/contracts/rpc';
import { Store } from '@swarmkit/sdk/contracts/store';
import { type Context, definePlugin } from '@swarmkit/sdk/plugin/plugin';
import { BackupService } from '@swarmkit/sdk/wire/gen/node/backup';
import { takeBackup } from './shell/backup-service.js';

const unmounts = new WeakMap<Context, Unmount>();

export const backup = definePlugin({
  id: 'backup',
  version: '0.1.0',
  scope: 'manager',
  requires: [Store, Consensus, Membership, NodeIdentity, RpcServer],

  start(ctx) {
    const take = takeBackup({
      store: ctx.get(Store),
      consensus: ctx.get(Consensus),
      membership: ctx.get(Membership),
      identity: ctx.get(NodeIdentity),
      clock: ctx.env.clock,
    });
    const unmount = ctx.get(RpcServer).mount({
      definition: BackupService,
      // It has every secret in it: only for whoever may open the socket.
      expose: ['control'],
      handlers: { take },
    });
    unmounts.set(ctx, unmount);
  },

  stop(ctx) {
    unmounts.get(ctx)?.();
  },
});

export default backup;
