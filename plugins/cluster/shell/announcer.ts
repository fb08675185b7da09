import type { Store } from '@swarmkit/sdk/contracts/store';
import type { Logger } from '@swarmkit/sdk/plugin/plugin';
import { joinCommands } from '../core/join-commands.js';

/** Says, once a cluster is there, how others come to it. The tokens are those of its object. */
export function announce(
  { store, log }: { readonly store: Store; readonly log: Logger },
  address: string,
): void {
  const [cluster] = store.view().find('cluster', { by: 'all' });
  const tokens = cluster?.rootCa?.joinTokens;
  if (tokens === undefined) return;
  for (const { role, command } of joinCommands(address, tokens))
    log.info({ join: role, command }, `to add a ${role}, run on another machine: ${command}`);
}
