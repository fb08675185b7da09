import { Store } from '@swarmkit/sdk/contracts/store';
import { definePlugin } from '@swarmkit/sdk/plugin/plugin';
import { filter } from 'rxjs';
import { KeyLoop } from './shell/key-loop.js';

/** Keys of the networks between Docker engines: made, and changed every 12 hours. */
export const networkKeys = definePlugin({
  id: 'network-keys',
  version: '0.1.0',
  scope: 'leader',
  requires: [Store],
  policy: 'restart',

  start(ctx) {
    const store = ctx.get(Store);
    const loop = new KeyLoop({ store, env: ctx.env, log: ctx.log });
    const ofCluster = filter(
      ({ changes }: { readonly changes: readonly { readonly kind: string }[] }) =>
        changes.some(({ kind }) => kind === 'cluster'),
    );
    ctx.consume('cluster', store.commits$.pipe(ofCluster), () => loop.look());
    ctx.run('keys', () => loop.run(ctx.signal));
  },
});

export default networkKeys;
