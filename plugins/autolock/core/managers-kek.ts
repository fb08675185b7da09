import { managersSubsystem } from '@swarmkit/sdk/model/unlock-key';
import type { Cluster } from '@swarmkit/sdk/wire/gen/swarmkit/objects';

export interface ClusterKek {
  /** Version of the cluster object. */
  readonly version: bigint;
  /** Undefined while managers are not locked. */
  readonly kek: Uint8Array | undefined;
}

/** What managers keep their keys under. */
export function managersKek({ unlockKeys, meta }: Cluster): ClusterKek {
  const found = unlockKeys.find(({ subsystem }) => subsystem === managersSubsystem);
  const kek = found === undefined || found.key.length === 0 ? undefined : found.key;
  return { version: meta?.version?.index ?? 0n, kek };
}
