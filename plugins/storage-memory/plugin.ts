import { Storage } from '@swarmkit/sdk/contracts/storage';
import { definePlugin } from '@swarmkit/sdk/plugin/plugin';
import { MemoryDisk } from '@swarmkit/sdk/testkit/memory-disk';

/** The disk is made here and dies with the plugin: a restart begins with nothing. */
const disks = new WeakMap<object, MemoryDisk>();

export const storageMemory = definePlugin({
  id: 'storage-memory',
  version: '0.1.0',
  scope: 'node',
  provides: [Storage],
  register(ctx) {
    const disk = new MemoryDisk();
    disks.set(ctx, disk);
    ctx.provide(Storage, disk.start());
  },
  async stop(ctx) {
    await disks.get(ctx)?.stop();
  },
});

export default storageMemory;
