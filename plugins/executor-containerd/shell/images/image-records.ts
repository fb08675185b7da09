/** Image records and the labels by which containerd's garbage collector finds what an image needs. */
import { ImagesService } from '@swarmkit/sdk/wire/gen/containerd/services/images/v1/images';
import type { ContentDescriptor, ImageIndex, ImageManifest } from '../../core/image-manifest.js';
import type { ContainerdConnection } from '../containerd/connection.js';
import { isKind } from '../containerd/status.js';

/** `domain` → `repository`: where a blob was pulled from, in containerd's own words. */
const SOURCE_PREFIX = 'containerd.io/distribution.source.';

export const sourceLabels = (domain: string, path: string): Record<string, string> => ({
  [`${SOURCE_PREFIX}${domain}`]: path,
});

/** False for images that were loaded by hand: no registry is asked about those. */
export const isFromRegistry = (labels: Readonly<Record<string, string>>): boolean =>
  Object.keys(labels).some((key) => key.startsWith(SOURCE_PREFIX));

export function manifestLabels(manifest: ImageManifest): Record<string, string> {
  const labels: Record<string, string> = {
    'containerd.io/gc.ref.content.config': manifest.config.digest,
  };
  manifest.layers.forEach((layer, index) => {
    labels[`containerd.io/gc.ref.content.l.${index}`] = layer.digest;
  });
  return labels;
}

export function indexLabels(index: ImageIndex): Record<string, string> {
  return Object.fromEntries(
    index.manifests.map((entry, i) => [`containerd.io/gc.ref.content.m.${i}`, entry.digest]),
  );
}

export const configLabels = (snapshotter: string, chainId: string): Record<string, string> =>
  chainId === '' ? {} : { [`containerd.io/gc.ref.snapshot.${snapshotter}`]: chainId };

/** Creates the record, or points it at `target`. */
export async function putImage(
  containerd: ContainerdConnection,
  name: string,
  target: ContentDescriptor,
): Promise<void> {
  const image = {
    name,
    labels: {},
    target: { ...target, size: BigInt(target.size), annotations: {} },
    createdAt: undefined,
    updatedAt: undefined,
  };
  try {
    await containerd.unary(ImagesService.create, { image, sourceDateEpoch: undefined });
  } catch (error) {
    if (!isKind(error, 'already-exists')) throw error;
    await containerd.unary(ImagesService.update, {
      image,
      updateMask: ['target'],
      sourceDateEpoch: undefined,
    });
  }
}
