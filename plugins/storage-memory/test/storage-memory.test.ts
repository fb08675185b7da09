import { MemoryDisk } from '@swarmkit/sdk/testkit/memory-disk';
import { storageConformance } from '@swarmkit/sdk/testkit/storage-conformance';

storageConformance('storage-memory', async () => {
  const disk = new MemoryDisk();
  return {
    start: async () => disk.start(),
    stop: () => disk.stop(),
    dispose: async () => {},
  };
});
