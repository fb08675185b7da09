import { realEnv } from '@swarmkit/kernel/env';
import { ContainerdConnection } from '@swarmkit/plugin-executor-containerd/shell/containerd/connection';
import { importArchive } from '@swarmkit/plugin-executor-containerd/shell/images/import-archive';
import { buildBusyboxArchive } from '@swarmkit/sdk/testkit/busybox-image';

/** Puts an image archive into containerd, where the executor looks for images. */
export async function importInto(
  address: string,
  archive: Uint8Array,
  namespace = 'swarmkit',
): Promise<void> {
  const containerd = new ContainerdConnection({ address, namespace, clock: realEnv.clock });
  try {
    await importArchive(containerd, archive, { snapshotter: 'overlayfs', env: realEnv });
  } finally {
    containerd.close();
  }
}

export const importBusybox = (address: string): Promise<void> =>
  importInto(address, buildBusyboxArchive());
