/**
 * Loads a docker-archive (what `docker save` writes) into containerd without any tool: for the demo,
 * benches and tests, and for machines without a registry.
 */
import { createHash } from 'node:crypto';
import type { Env } from '@swarmkit/sdk/plugin/env';
import { SwarmError } from '@swarmkit/sdk/plugin/errors';
import { type ContentDescriptor, parseImageConfig } from '../../core/image-manifest.js';
import { parseImageReference } from '../../core/image-reference.js';
import { readTar } from '../../core/tar.js';
import type { ContainerdConnection } from '../containerd/connection.js';
import { ContentStore } from '../containerd/content.js';
import { withLease } from '../containerd/lease.js';
import { configLabels, manifestLabels, putImage } from './image-records.js';
import { imageChainId, unpack } from './unpack.js';

export interface ImportOptions {
  readonly snapshotter: string;
  readonly env: Env;
}

const MANIFEST = 'application/vnd.docker.distribution.manifest.v2+json';
const CONFIG = 'application/vnd.docker.container.image.v1+json';
const LAYER = 'application/vnd.docker.image.rootfs.diff.tar';

/** Imports every image of the archive and returns their names. */
export async function importArchive(
  containerd: ContainerdConnection,
  archive: Uint8Array,
  options: ImportOptions,
): Promise<readonly string[]> {
  const files = new Map(readTar(archive).map((entry) => [entry.name, entry.data]));
  const file = (name: unknown): Uint8Array => {
    const data = typeof name === 'string' ? files.get(name) : undefined;
    if (data === undefined) throw invalidArchive(`it has no file "${String(name)}"`);
    return data;
  };
  const names: string[] = [];
  for (const image of manifestJson(file('manifest.json'))) {
    const config = file(image.Config);
    const layers = (image.Layers ?? []).map(file);
    for (const tag of image.RepoTags ?? []) {
      const name = parseImageReference(tag).name;
      await importImage(containerd, name, config, layers, options);
      names.push(name);
    }
  }
  return names;
}

function importImage(
  containerd: ContainerdConnection,
  name: string,
  config: Uint8Array,
  layers: readonly Uint8Array[],
  options: ImportOptions,
): Promise<void> {
  const content = new ContentStore(containerd);
  const { diffIds } = parseImageConfig(config);
  const configBlob = blob(CONFIG, config);
  const layerBlobs = layers.map((layer) => blob(LAYER, layer));
  const manifest = Buffer.from(
    JSON.stringify({
      schemaVersion: 2,
      mediaType: MANIFEST,
      config: configBlob,
      layers: layerBlobs,
    }),
  );
  const target = blob(MANIFEST, manifest);
  return withLease(containerd, options.env, async (lease) => {
    for (const [index, layer] of layerBlobs.entries())
      await content.put(layer, () => [layers[index] ?? new Uint8Array(0)], { lease });
    await content.put(configBlob, () => [config], {
      lease,
      labels: configLabels(options.snapshotter, imageChainId(diffIds)),
    });
    await content.put(target, () => [manifest], {
      lease,
      labels: manifestLabels({ kind: 'manifest', config: configBlob, layers: layerBlobs }),
    });
    await unpack(containerd, layerBlobs, diffIds, { ...options, lease });
    await putImage(containerd, name, target);
  });
}

const blob = (mediaType: string, bytes: Uint8Array): ContentDescriptor => ({
  mediaType,
  digest: `sha256:${createHash('sha256').update(bytes).digest('hex')}`,
  size: bytes.length,
});

interface ArchivedImage {
  readonly Config?: unknown;
  readonly RepoTags?: readonly string[] | null;
  readonly Layers?: readonly unknown[];
}

function manifestJson(bytes: Uint8Array): readonly ArchivedImage[] {
  try {
    return JSON.parse(Buffer.from(bytes).toString('utf8')) as readonly ArchivedImage[];
  } catch (error) {
    throw invalidArchive('its manifest.json is not JSON', error);
  }
}

const invalidArchive = (why: string, cause?: unknown): SwarmError =>
  new SwarmError(
    'invalid-argument',
    'CONTAINERD_ARCHIVE',
    `this is not an image archive as docker save writes it: ${why}`,
    { cause },
  );
