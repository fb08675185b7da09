import { rmSync } from 'node:fs';
import path from 'node:path';
import { Departure } from '@swarmkit/sdk/contracts/departure';
import { definePlugin, type PluginManifest } from '@swarmkit/sdk/plugin/plugin';

/** A node that leaves its cluster: who does it is a plugin, what is erased only the daemon knows. */

/** `leave` is called when the node is to stop for good. */
export const departurePlugin = (leave: () => void): PluginManifest =>
  definePlugin({
    id: 'swarmd',
    version: '0.1.0',
    scope: 'node',
    provides: [Departure],
    register(ctx) {
      ctx.provide(Departure, { leave });
    },
  });

/**
 * What a node was, on disk. The identity goes last: a crash in between leaves the same node without its
 * tasks, and not one that would found a cluster over somebody's log. Copies that operators made stay.
 */
export function eraseState(stateDir: string): void {
  for (const name of ['storage', 'logs', 'runtime', 'state.json', 'certificates'])
    rmSync(path.join(stateDir, name), { recursive: true, force: true });
}
