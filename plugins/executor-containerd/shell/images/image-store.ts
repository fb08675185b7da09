/**
 * From an image reference to something that a container can be made of: present, or pulled.
 * An image that was loaded by hand is used as it is. An image that came from a registry follows its
 * tag: the registry is asked first, and when it cannot be reached the local image is good enough.
 */
import type { Env } from '@swarmkit/sdk/plugin/env';
import { isSwarmError, messageOf, SwarmError } from '@swarmkit/sdk/plugin/errors';
import type { Logger } from '@swarmkit/sdk/plugin/plugin';
import { ImagesService } from '@swarmkit/sdk/wire/gen/containerd/services/images/v1/images';
import {
  type ImageConfig,
  type ImageManifest,
  parseImageConfig,
  parseManifest,
  type Platform,
  pickManifest,
  unusable,
} from '../../core/image-manifest.js';
import { type ImageReference, parseImageReference } from '../../core/image-reference.js';
import { decodeCredentials, familiarName } from '../../core/registry.js';
import { abortable } from '../abortable.js';
import type { ContainerdConnection } from '../containerd/connection.js';
import { ContentStore } from '../containerd/content.js';
import { withLease } from '../containerd/lease.js';
import { isFromRegistry } from './image-records.js';
import { pull } from './puller.js';
import { imageChainId, unpack } from './unpack.js';

export interface LocalImage {
  /** As containerd keeps it. */
  readonly name: string;
  readonly config: ImageConfig;
  /** The snapshot that containers start from; '' for an image without layers. */
  readonly chainId: string;
}

export interface ImageStoreOptions {
  readonly snapshotter: string;
  readonly platform: Platform;
  readonly env: Env;
  readonly log: Logger;
}

/** How long the registry's word on a tag is good: the replicas of a rollout ask once and not each. */
const FRESH_MS = 10_000;
/** Images that were taken apart and are remembered, by digest. */
const KNOWN_BOUND = 256;

export class ImageStore {
  private readonly content: ContentStore;
  private readonly known = new Map<string, LocalImage>();
  private readonly opening = new Map<string, Promise<LocalImage>>();
  private readonly pulling = new Map<string, Promise<void>>();
  private readonly askedAt = new Map<string, number>();
  private readonly closing = new AbortController();

  constructor(
    private readonly containerd: ContainerdConnection,
    private readonly options: ImageStoreOptions,
  ) {
    this.content = new ContentStore(containerd);
  }

  /** `registryAuth` as the task carries it. An abort leaves a pull that others wait for running. */
  async ensure(image: string, registryAuth: string, signal: AbortSignal): Promise<LocalImage> {
    const reference = parseImageReference(image);
    const present = await this.target(reference.name);
    if (present === undefined) {
      await abortable(this.pull(reference, registryAuth, undefined), signal);
      const pulled = await this.target(reference.name);
      if (pulled === undefined) throw noSuchImage(reference, 'it was removed again at once');
      return this.open(reference.name, pulled);
    }
    if (reference.digest === undefined && (await this.mayHaveMoved(reference.name, present))) {
      // Not reachable, not found, denied: the local image is what the task gets.
      await abortable(
        this.pull(reference, registryAuth, present).catch((error: unknown) =>
          this.options.log.warn(
            { image: reference.name, reason: messageOf(error) },
            'the registry could not be asked about an image; the local one is used',
          ),
        ),
        signal,
      );
      return this.open(reference.name, (await this.target(reference.name)) ?? present);
    }
    return this.open(reference.name, present);
  }

  /** What was remembered no longer holds: somebody removed snapshots or content. */
  forget(): void {
    this.known.clear();
  }

  /** Ends pulls that are under way. */
  close(): void {
    this.closing.abort();
  }

  private async target(name: string): Promise<string | undefined> {
    const found = await this.containerd.find(ImagesService.get, { name });
    return found?.image?.target?.digest;
  }

  private async mayHaveMoved(name: string, target: string): Promise<boolean> {
    const askedAt = this.askedAt.get(name);
    if (askedAt !== undefined && this.options.env.clock.monotonic() - askedAt < FRESH_MS)
      return false;
    return isFromRegistry((await this.content.labels(target)) ?? {});
  }

  /** One pull a name at a time; later callers join it. */
  private pull(
    reference: ImageReference,
    auth: string,
    present: string | undefined,
  ): Promise<void> {
    // Another service's credentials may see more, or less.
    const key = `${reference.name} ${auth}`;
    const running = this.pulling.get(key);
    if (running !== undefined) return running;
    const { clock } = this.options.env;
    const started = pull(this.containerd, reference, {
      ...this.options,
      credentials: decodeCredentials(auth),
      signal: this.closing.signal,
      present,
    })
      .catch((error: unknown) => {
        if (isOurs(error)) throw error;
        throw noSuchImage(reference, `pull failed: ${messageOf(error)}`, error);
      })
      .finally(() => {
        this.pulling.delete(key);
        this.askedAt.set(reference.name, clock.monotonic());
        if (this.askedAt.size > KNOWN_BOUND) this.askedAt.clear();
      });
    this.pulling.set(key, started);
    return started;
  }

  private open(name: string, target: string): Promise<LocalImage> {
    const known = this.known.get(target);
    if (known !== undefined) return Promise.resolve({ ...known, name });
    let opening = this.opening.get(target);
    if (opening === undefined) {
      opening = this.takeApart(name, target).finally(() => this.opening.delete(target));
      this.opening.set(target, opening);
    }
    return opening.then((image) => ({ ...image, name }));
  }

  private async takeApart(name: string, target: string): Promise<LocalImage> {
    const { snapshotter, env, platform } = this.options;
    const manifest = await this.manifest(target, platform);
    const config = parseImageConfig(await this.blob(manifest.config.digest));
    // An image that another tool pulled may not be unpacked, or for another snapshotter.
    await withLease(this.containerd, env, (lease) =>
      unpack(this.containerd, manifest.layers, config.diffIds, { snapshotter, env, lease }),
    );
    const image = { name, config, chainId: imageChainId(config.diffIds) };
    if (this.known.size >= KNOWN_BOUND) this.known.clear();
    this.known.set(target, image);
    return image;
  }

  private async manifest(digest: string, platform: Platform): Promise<ImageManifest> {
    const document = parseManifest(await this.blob(digest));
    if (document.kind === 'manifest') return document;
    const inner = parseManifest(await this.blob(pickManifest(document, platform).digest));
    if (inner.kind === 'index')
      throw unusable('an image index within an image index is not supported');
    return inner;
  }

  private async blob(digest: string): Promise<Buffer> {
    const bytes = await this.content.read(digest);
    if (bytes === undefined)
      throw unusable(
        `the image is incomplete here, ${digest} is missing; remove it and pull it again`,
      );
    return bytes;
  }
}

/** Ours to wait for (containerd is away) and nothing about the image. */
const isOurs = (error: unknown): boolean =>
  isSwarmError(error) &&
  (error.code === 'CONTAINERD_UNAVAILABLE' || error.code === 'CONTAINERD_TIMEOUT');

const noSuchImage = (reference: ImageReference, why: string, cause?: unknown): SwarmError =>
  new SwarmError(
    'not-found',
    'CONTAINERD_NO_IMAGE',
    `No such image: ${familiarName(reference)} (${why})`,
    { cause },
  );
