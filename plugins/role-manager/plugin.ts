import { Consensus } from '@swarmkit/sdk/contracts/consensus';
import { Membership } from '@swarmkit/sdk/contracts/membership';
import { Store } from '@swarmkit/sdk/contracts/store';
import { definePlugin } from '@swarmkit/sdk/plugin/plugin';
import { filter } from 'rxjs';
import { RoleLoop } from './shell/role-loop.js';

export const roleManager = definePlugin({
  id: 'role-manager',
  version: '0.1.0',
  scope: 'leader',
  requires: [Store, Consensus, Membership],
  policy: 'restart',

  start(ctx) {
    const membership = ctx.get(Membership);
    const store = ctx.get(Store);
    const loop = new RoleLoop({
      store,
      consensus: ctx.get(Consensus),
      membership,
      clock: ctx.env.clock,
      log: ctx.log,
    });
    const ofNodes = filter(
      ({ changes }: { readonly changes: readonly { readonly kind: string }[] }) =>
        changes.some(({ kind }) => kind === 'node'),
    );
    ctx.consume('nodes', store.commits$.pipe(ofNodes), () => loop.look());
    ctx.consume('members', membership.members$, () => loop.look());
    ctx.run('roles', () => loop.run(ctx.signal));
  },
});

export default roleManager;
