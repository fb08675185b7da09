/** Layers to snapshots: one committed snapshot a layer, named by its chain id. */
import { unusable, chainIds, type ContentDescriptor } from '../../core/image-manifest.js';
import { createHash } from 'node:crypto';
import type { Env } from '@swarmkit/sdk/plugin/env';
import { DiffService } from '@swarmkit/sdk/wire/gen/containerd/services/diff/v1/diff';
import { SnapshotsService } from '@swarmkit/sdk/wire/gen/containerd/services/snapshots/v1/snapshots';
import type { ContainerdConnection } from '../containerd/connection.js';
import { isKind } from '../containerd/status.js';

/** A layer of several GiB on a slow disk. */
const APPLY_TIMEOUT_MS = 30 * 60_000;

export interface UnpackOptions {
  readonly snapshotter: string;
  readonly lease: string;
  readonly env: Env;
}

/** The chain id of the whole image; '' for an image without layers. */
export const imageChainId = (diffIds: readonly string[]): string =>
  chainIds(diffIds, (text) => createHash('sha256').update(text).digest('hex')).at(-1) ?? '';

export async function unpack(
  containerd: ContainerdConnection,
  layers: readonly ContentDescriptor[],
  diffIds: readonly string[],
  options: UnpackOptions,
): Promise<void> {
  if (layers.length !== diffIds.length)
    throw unusable(
      `the image has ${layers.length} layers and its configuration names ${diffIds.length}`,
    );
  let parent = '';
  for (const [index, layer] of layers.entries()) {
    const name = imageChainId(diffIds.slice(0, index + 1));
    await unpackLayer(containerd, layer, diffIds[index] ?? '', name, parent, options);
    parent = name;
  }
}

async function unpackLayer(
  containerd: ContainerdConnection,
  layer: ContentDescriptor,
  diffId: string,
  name: string,
  parent: string,
  { snapshotter, lease, env }: UnpackOptions,
): Promise<void> {
  if (await hasSnapshot(containerd, snapshotter, name)) return;
  const key = `extract-${env.id()} ${name}`;
  try {
    const { mounts } = await containerd.unary(
      SnapshotsService.prepare,
      { snapshotter, key, parent, labels: { 'containerd.io/snapshot.ref': name } },
      { lease },
    );
    const { applied } = await containerd.unary(
      DiffService.apply,
      {
        diff: { ...layer, size: BigInt(layer.size), annotations: {} },
        mounts,
        payloads: {},
        syncFs: false,
      },
      { lease, timeoutMs: APPLY_TIMEOUT_MS },
    );
    if (applied?.digest !== diffId)
      throw unusable(`layer ${layer.digest} unpacks to ${applied?.digest}, and not to ${diffId}`);
    await containerd.unary(
      SnapshotsService.commit,
      { snapshotter, name, key, labels: {}, parent: '' },
      { lease },
    );
  } catch (error) {
    await containerd.find(SnapshotsService.remove, { snapshotter, key }).catch(() => undefined);
    // Somebody else unpacked the same layer meanwhile.
    if (!isKind(error, 'already-exists')) throw error;
  }
}

export async function hasSnapshot(
  containerd: ContainerdConnection,
  snapshotter: string,
  key: string,
): Promise<boolean> {
  return (await containerd.find(SnapshotsService.stat, { snapshotter, key })) !== undefined;
}
