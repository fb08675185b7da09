/**
 * The documents of an image, in Docker's and in OCI's media types: index, manifest, configuration.
 * Everything read here comes from a registry or an archive: shapes are checked before use.
 */
import { messageOf, SwarmError } from '@swarmkit/sdk/plugin/errors';

export interface ContentDescriptor {
  readonly mediaType: string;
  readonly digest: string;
  readonly size: number;
}

export interface Platform {
  /** As Go says it: `linux`. */
  readonly os: string;
  /** As Go says it: `amd64`, `arm64`, `arm`. */
  readonly architecture: string;
  readonly variant?: string;
}

export interface IndexEntry extends ContentDescriptor {
  readonly platform?: Platform;
}

export interface ImageIndex {
  readonly kind: 'index';
  readonly manifests: readonly IndexEntry[];
}

export interface ImageManifest {
  readonly kind: 'manifest';
  readonly config: ContentDescriptor;
  readonly layers: readonly ContentDescriptor[];
}

export interface HealthcheckConfig {
  readonly test: readonly string[];
  readonly intervalMs: number | undefined;
  readonly timeoutMs: number | undefined;
  readonly startPeriodMs: number | undefined;
  readonly startIntervalMs: number | undefined;
  readonly retries: number;
}

/** What an image says about how it wants to be run. */
export interface ImageConfig {
  readonly platform: Platform;
  /** Digests of the unpacked layers, lowest first. */
  readonly diffIds: readonly string[];
  readonly env: readonly string[];
  readonly entrypoint: readonly string[];
  readonly cmd: readonly string[];
  readonly user: string;
  readonly workingDir: string;
  readonly stopSignal: string;
  /** Paths that Docker would put anonymous volumes at. */
  readonly volumes: readonly string[];
  readonly healthcheck: HealthcheckConfig | undefined;
}

/** What a registry is asked for, best known first. */
export const manifestMediaTypes: readonly string[] = [
  'application/vnd.oci.image.index.v1+json',
  'application/vnd.docker.distribution.manifest.list.v2+json',
  'application/vnd.oci.image.manifest.v1+json',
  'application/vnd.docker.distribution.manifest.v2+json',
];

/** A manifest or an index from its bytes. */
export function parseManifest(bytes: Uint8Array): ImageIndex | ImageManifest {
  const document = objectOf(parseJson(bytes, 'image manifest'), 'image manifest');
  if (Array.isArray(document.manifests)) {
    return { kind: 'index', manifests: document.manifests.map(indexEntry) };
  }
  if (document.schemaVersion === 1 || document.config === undefined) {
    throw unusable(
      'the manifest is of the old schema 1 or of no kind known; push the image again with a current tool',
    );
  }
  return {
    kind: 'manifest',
    config: descriptor(document.config),
    layers: list(document.layers).map(descriptor),
  };
}

/** The entry for `wanted`: the same architecture, and of several variants the best that it can run. */
export function pickManifest(index: ImageIndex, wanted: Platform): IndexEntry {
  const fits = index.manifests.filter(
    (entry) =>
      entry.platform?.os === wanted.os && entry.platform.architecture === wanted.architecture,
  );
  const best =
    fits.find((entry) => (entry.platform?.variant ?? '') === (wanted.variant ?? '')) ?? fits[0];
  if (best !== undefined) return best;
  // An index of a single manifest without platform (as some builders write) leaves no choice.
  const [only] = index.manifests;
  if (index.manifests.length === 1 && only !== undefined && only.platform === undefined)
    return only;
  const offered = index.manifests.flatMap(({ platform }) =>
    platform === undefined || platform.os === 'unknown'
      ? []
      : [`${platform.os}/${platform.architecture}`],
  );
  throw unusable(
    `there is no manifest for ${wanted.os}/${wanted.architecture}, only for ${offered.join(', ') || 'none'}`,
  );
}

export function parseImageConfig(bytes: Uint8Array): ImageConfig {
  const document = objectOf(parseJson(bytes, 'image configuration'), 'image configuration');
  const run = objectOf(document.config ?? {}, 'image configuration');
  const rootfs = objectOf(document.rootfs ?? {}, 'image configuration');
  return {
    platform: platform(document),
    diffIds: strings(rootfs.diff_ids),
    env: strings(run.Env),
    entrypoint: strings(run.Entrypoint),
    cmd: strings(run.Cmd),
    user: text(run.User),
    workingDir: text(run.WorkingDir),
    stopSignal: text(run.StopSignal),
    volumes: Object.keys(objectOf(run.Volumes ?? {}, 'image configuration')),
    healthcheck: run.Healthcheck === undefined ? undefined : healthcheck(run.Healthcheck),
  };
}

/**
 * Names of the snapshots that an image unpacks to, lowest first: the first layer's is its diff id,
 * each next one's a hash over the chain below and itself.
 */
export function chainIds(
  diffIds: readonly string[],
  sha256: (text: string) => string,
): readonly string[] {
  const chain: string[] = [];
  for (const diffId of diffIds) {
    const below = chain.at(-1);
    chain.push(below === undefined ? diffId : `sha256:${sha256(`${below} ${diffId}`)}`);
  }
  return chain;
}

export const unusable = (why: string): SwarmError =>
  new SwarmError('failed-precondition', 'CONTAINERD_IMAGE_UNUSABLE', why);

function parseJson(bytes: Uint8Array, what: string): unknown {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch (error) {
    throw unusable(`the ${what} is not JSON: ${messageOf(error)}`);
  }
}

function objectOf(value: unknown, what: string): Readonly<Record<string, unknown>> {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw unusable(`the ${what} does not have the shape that it should`);
  return value as Readonly<Record<string, unknown>>;
}

function descriptor(value: unknown): ContentDescriptor {
  const { mediaType, digest, size } = objectOf(value, 'image manifest');
  if (typeof digest !== 'string' || !/^sha256:[0-9a-f]{64}$/.test(digest))
    throw unusable(
      `the image manifest names content by the digest "${String(digest)}", and only sha256 is known`,
    );
  if (typeof size !== 'number' || !Number.isSafeInteger(size) || size < 0)
    throw unusable(`the image manifest gives no size for ${digest}`);
  return { mediaType: text(mediaType), digest, size };
}

function indexEntry(value: unknown): IndexEntry {
  const raw = objectOf(value, 'image index');
  return raw.platform === undefined
    ? descriptor(value)
    : { ...descriptor(value), platform: platform(objectOf(raw.platform, 'image index')) };
}

function platform(raw: Readonly<Record<string, unknown>>): Platform {
  const variant = text(raw.variant);
  return {
    os: text(raw.os),
    architecture: text(raw.architecture),
    ...(variant === '' ? {} : { variant }),
  };
}

function healthcheck(value: unknown): HealthcheckConfig {
  const raw = objectOf(value, 'image configuration');
  // Image configurations give spans in nanoseconds; 0 means "the default".
  const ms = (span: unknown): number | undefined =>
    typeof span === 'number' && span > 0 ? span / 1e6 : undefined;
  return {
    test: strings(raw.Test),
    intervalMs: ms(raw.Interval),
    timeoutMs: ms(raw.Timeout),
    startPeriodMs: ms(raw.StartPeriod),
    startIntervalMs: ms(raw.StartInterval),
    retries: typeof raw.Retries === 'number' ? raw.Retries : 0,
  };
}

const text = (value: unknown): string => (typeof value === 'string' ? value : '');
const list = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : []);
const strings = (value: unknown): readonly string[] =>
  list(value).filter((item): item is string => typeof item === 'string');
