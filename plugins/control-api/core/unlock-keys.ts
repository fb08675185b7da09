/** The key that locks managers: there while the spec says that they lock, another one on request. */
import { managersSubsystem, unlockKeyBytes } from '@swarmkit/sdk/model/unlock-key';
import type { KeyRotation } from '@swarmkit/sdk/wire/gen/swarmkit/control';
import type { Cluster } from '@swarmkit/sdk/wire/gen/swarmkit/objects';
import type { ClusterSpec } from '@swarmkit/sdk/wire/gen/swarmkit/specs';
import { EncryptionKey } from '@swarmkit/sdk/wire/gen/swarmkit/types';

export function unlockKeys(
  { unlockKeys: old }: Cluster,
  spec: ClusterSpec,
  rotation: KeyRotation | undefined,
  secret: (count: number) => Uint8Array,
): readonly EncryptionKey[] {
  const others = old.filter(({ subsystem }) => subsystem !== managersSubsystem);
  if (spec.encryptionConfig?.autoLockManagers !== true) return others;
  const present = old.find(({ subsystem }) => subsystem === managersSubsystem);
  if (present !== undefined && rotation?.managerUnlockKey !== true) return old;
  const key = Buffer.from(secret(unlockKeyBytes));
  return [...others, EncryptionKey.fromPartial({ subsystem: managersSubsystem, key })];
}
