/** Holds what is being made against containerd's garbage collector until something refers to it. */
import { LeasesService } from '@swarmkit/sdk/wire/gen/containerd/services/leases/v1/leases';
import type { Env } from '@swarmkit/sdk/plugin/env';
import type { ContainerdConnection } from './connection.js';

/** Long enough for a slow pull; containerd drops the lease of a process that died after it. */
const LEASE_MS = 24 * 3_600_000;

export async function withLease<T>(
  containerd: ContainerdConnection,
  env: Env,
  work: (lease: string) => Promise<T>,
): Promise<T> {
  const id = `swarmkit-${env.id()}`;
  await containerd.unary(LeasesService.create, {
    id,
    labels: { 'containerd.io/gc.expire': new Date(env.clock.now() + LEASE_MS).toISOString() },
  });
  try {
    return await work(id);
  } finally {
    // A failure here costs disk space for a day, never the work.
    await containerd.find(LeasesService.delete, { id, sync: false }).catch(() => undefined);
  }
}
