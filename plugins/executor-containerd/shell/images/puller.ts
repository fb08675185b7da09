/** Fetches an image from its registry into containerd: manifest, configuration, layers, snapshots. */
import type { Env } from '@swarmkit/sdk/plugin/env';
import {
  type ContentDescriptor,
  type ImageManifest,
  parseImageConfig,
  parseManifest,
  type Platform,
  pickManifest,
  unusable,
} from '../../core/image-manifest.js';
import type { ImageReference } from '../../core/image-reference.js';
import type { Credentials } from '../../core/registry.js';
import type { ContainerdConnection } from '../containerd/connection.js';
import { ContentStore } from '../containerd/content.js';
import { withLease } from '../containerd/lease.js';
import {
  configLabels,
  indexLabels,
  manifestLabels,
  putImage,
  sourceLabels,
} from './image-records.js';
import { RegistryClient } from './registry-client.js';
import { imageChainId, unpack } from './unpack.js';

export interface PullOptions {
  readonly snapshotter: string;
  readonly platform: Platform;
  readonly env: Env;
  readonly credentials: Credentials | undefined;
  readonly signal: AbortSignal;
  /** What the name points at here now; when the registry still agrees nothing is fetched. */
  readonly present?: string | undefined;
}

/** Layers that are fetched at the same time. */
const PARALLEL_LAYERS = 3;

export async function pull(
  containerd: ContainerdConnection,
  reference: ImageReference,
  options: PullOptions,
): Promise<void> {
  const { env, signal, credentials, present } = options;
  const registry = new RegistryClient(reference, { clock: env.clock, signal, credentials });
  if (present !== undefined && (await registry.headDigest()) === present) return;
  await withLease(containerd, env, async (lease) => {
    const content = new ContentStore(containerd);
    const source = sourceLabels(reference.domain, reference.path);
    const top = await registry.manifest();
    const document = parseManifest(top.bytes);
    let manifest: ImageManifest;
    if (document.kind === 'index') {
      const chosen = await registry.manifest(pickManifest(document, options.platform).digest);
      const inner = parseManifest(chosen.bytes);
      if (inner.kind === 'index')
        throw unusable('an image index within an image index is not supported');
      manifest = inner;
      const labels = { ...source, ...manifestLabels(manifest) };
      await content.put(chosen, () => [chosen.bytes], { lease, labels });
    } else manifest = document;
    const config = await fetchContents(registry, content, manifest, { ...options, lease, source });
    const labels = document.kind === 'index' ? indexLabels(document) : manifestLabels(manifest);
    await content.put(top, () => [top.bytes], { lease, labels: { ...source, ...labels } });
    await unpack(containerd, manifest.layers, config.diffIds, { ...options, lease });
    await putImage(containerd, reference.name, top);
  });
}

interface FetchOptions extends PullOptions {
  readonly lease: string;
  readonly source: Readonly<Record<string, string>>;
}

async function fetchContents(
  registry: RegistryClient,
  content: ContentStore,
  manifest: ImageManifest,
  { lease, source, snapshotter, platform }: FetchOptions,
): Promise<{ readonly diffIds: readonly string[] }> {
  for (const layer of manifest.layers) refuseForeign(layer);
  const bytes = await registry.document(manifest.config);
  const config = parseImageConfig(bytes);
  if (config.platform.os !== platform.os || config.platform.architecture !== platform.architecture)
    throw unusable(
      `the image is for ${config.platform.os}/${config.platform.architecture}, and this machine is ${platform.os}/${platform.architecture}`,
    );
  const queue = [...manifest.layers];
  const worker = async (): Promise<void> => {
    for (let layer = queue.shift(); layer !== undefined; layer = queue.shift()) {
      const blob = layer;
      await content.put(blob, () => registry.blob(blob), { lease, labels: source });
    }
  };
  await Promise.all(Array.from({ length: PARALLEL_LAYERS }, worker));
  await content.put(manifest.config, () => [bytes], {
    lease,
    labels: { ...source, ...configLabels(snapshotter, imageChainId(config.diffIds)) },
  });
  return config;
}

/** Layers that must be fetched from elsewhere (Windows base images). */
function refuseForeign(layer: ContentDescriptor): void {
  if (/nondistributable|foreign/.test(layer.mediaType))
    throw unusable(
      `layer ${layer.digest} is a foreign layer (${layer.mediaType}), which is not supported`,
    );
}
