/** Puts objects into the state folder of a manager that does not run, through its own plugins, many an entry. */
import { randomBytes } from 'node:crypto';
import path from 'node:path';
import { realEnv } from '@swarmkit/kernel/env';
import { Host } from '@swarmkit/kernel/host';
import { createLogger } from '@swarmkit/kernel/log';
import ca from '@swarmkit/plugin-ca/plugin';
import raft from '@swarmkit/plugin-raft/plugin';
import rpc from '@swarmkit/plugin-rpc/plugin';
import storageRocksdb from '@swarmkit/plugin-storage-rocksdb/plugin';
import store from '@swarmkit/plugin-store/plugin';
import { Store } from '@swarmkit/sdk/contracts/store';
import { definePlugin, type PluginManifest } from '@swarmkit/sdk/plugin/plugin';
import { Config } from '@swarmkit/sdk/wire/gen/swarmkit/objects';
import { until } from '../harness/until.js';

const AN_ENTRY = 500;
const BYTES = 512;

/** Configs of 512 bytes. Answers the id of the last one. */
export async function fill(stateDir: string, count: number): Promise<string> {
  const opened: { store?: Store } = {};
  const window = definePlugin({
    id: 'window',
    version: '1.0.0',
    scope: 'manager',
    requires: [Store],
    start(ctx) {
      opened.store = ctx.get(Store);
    },
  });
  const plugins: readonly unknown[] = [storageRocksdb, ca, rpc, raft, store, window];
  const socket = path.join(stateDir, 'swarmd.sock');
  const host = new Host({
    plugins: plugins as readonly PluginManifest[],
    config: {
      'storage-rocksdb': { dir: path.join(stateDir, 'storage') },
      ca: {
        dir: path.join(stateDir, 'certificates'),
        managersFile: path.join(stateDir, 'state.json'),
        controlSocket: socket,
      },
      rpc: { controlSocket: socket, remoteAddress: '127.0.0.1:0' },
    },
    env: realEnv,
    log: createLogger('error'),
  });
  await host.start();
  try {
    const cluster = await until('the store is open', () => opened.store);
    const user = { id: 'bench', writes: ['any'] } as const;
    let id = '';
    for (let done = 0; done < count; done += AN_ENTRY)
      await until('it is written', async () => {
        await cluster.update(user, (draft) => {
          for (let i = done; i < Math.min(done + AN_ENTRY, count); i++) {
            id = realEnv.id();
            const annotations = { name: `filled-${i}` };
            draft.create(
              'config',
              Config.fromPartial({ id, spec: { annotations, data: randomBytes(BYTES) } }),
            );
          }
        });
        return true;
      });
    return id;
  } finally {
    await host.stop();
  }
}
