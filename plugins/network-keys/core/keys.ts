/**
 * The keys that Docker engines encrypt their gossip and their overlay traffic with. Three of each, as engines
 * insist: the one in the middle is in use, the newest is known to everybody before it comes into use, and what
 * still arrives under the oldest is understood.
 */
import type { Random } from '@swarmkit/sdk/plugin/env';
import { timestampFromMs, timestampToMs } from '@swarmkit/sdk/model/time';
import type { Cluster } from '@swarmkit/sdk/wire/gen/swarmkit/objects';
import { EncryptionKey, EncryptionKey_Algorithm } from '@swarmkit/sdk/wire/gen/swarmkit/types';

/** SwarmKit's. */
export const rotationMs = 12 * 3_600_000;
const subsystems = ['networking:gossip', 'networking:ipsec'];
const ringSize = 3;
const keyBytes = 16;

export type Keys = Pick<Cluster, 'networkBootstrapKeys' | 'encryptionKeyLamportClock'>;

/** The first keys of a cluster, or undefined when it has some. What is not whole is made whole. */
export function missingKeys(cluster: Cluster, now: number, random: Random): Keys | undefined {
  const held = cluster.networkBootstrapKeys;
  if (subsystems.every((name) => held.filter(isOf(name)).length === ringSize)) return undefined;
  return grown(cluster, now, random, (keys) => Math.max(0, ringSize - keys.length));
}

/** The oldest of each subsystem goes, and a new one comes. */
export const nextKeys = (cluster: Cluster, now: number, random: Random): Keys =>
  grown(cluster, now, random, () => 1);

/**
 * When the next ones are due, ms. A Docker manager does not say when it made its own, and what a clock ahead of
 * ours says is not believed: `since` counts then.
 */
export function dueAt(cluster: Cluster, since: number, now: number): number {
  const times = cluster.networkBootstrapKeys.map(({ madeAt }) => timestampToMs(madeAt) ?? 0);
  const latest = Math.max(0, ...times.filter((at) => at <= now));
  return (latest === 0 ? since : latest) + rotationMs;
}

function grown(
  cluster: Cluster,
  now: number,
  random: Random,
  howMany: (held: readonly EncryptionKey[]) => number,
): Keys {
  let clock =
    cluster.networkBootstrapKeys.length === 0 && cluster.encryptionKeyLamportClock === 0n
      ? BigInt(random.int(65_536))
      : cluster.encryptionKeyLamportClock;
  const networkBootstrapKeys = subsystems.flatMap((subsystem) => {
    const ring = cluster.networkBootstrapKeys.filter(isOf(subsystem)).sort(byTime);
    for (let left = howMany(ring); left > 0; left--) {
      clock += 1n;
      ring.push(
        EncryptionKey.fromPartial({
          subsystem,
          algorithm: EncryptionKey_Algorithm.AES_128_GCM,
          key: Buffer.from(random.bytes(keyBytes)),
          lamportTime: clock,
          madeAt: timestampFromMs(now),
        }),
      );
    }
    return ring.slice(-ringSize);
  });
  return { networkBootstrapKeys, encryptionKeyLamportClock: clock };
}

const isOf =
  (name: string) =>
  ({ subsystem }: EncryptionKey): boolean =>
    subsystem === name;

const byTime = (a: EncryptionKey, b: EncryptionKey): number =>
  a.lamportTime < b.lamportTime ? -1 : a.lamportTime > b.lamportTime ? 1 : 0;
