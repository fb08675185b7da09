/**
 * Reads from one repository of a registry (the distribution API, version 2). Each step is bounded in
 * time: no answer within the limit, or a body that stalls, is an error that names the host.
 */
import { createHash } from 'node:crypto';
import type { Clock } from '@swarmkit/sdk/plugin/env';
import { isSwarmError, messageOf, SwarmError } from '@swarmkit/sdk/plugin/errors';
import { type ContentDescriptor, manifestMediaTypes, unusable } from '../../core/image-manifest.js';
import type { ImageReference } from '../../core/image-reference.js';
import { type Credentials, parseChallenge, registryBase } from '../../core/registry.js';

/** To connect and get the head of an answer. */
const ANSWER_MS = 15_000;
/** Between two pieces of a body. */
const STALL_MS = 30_000;
/** Manifests and configurations; larger ones are hostile. */
const DOCUMENT_BOUND = 8 << 20;

export interface Document extends ContentDescriptor {
  readonly bytes: Buffer;
}

export interface RegistryOptions {
  readonly clock: Clock;
  readonly credentials: Credentials | undefined;
  readonly signal: AbortSignal;
}

export class RegistryClient {
  private readonly base: string;
  private readonly host: string;
  private authorization: string | undefined;

  constructor(
    private readonly reference: ImageReference,
    private readonly options: RegistryOptions,
  ) {
    this.base = `${registryBase(reference.domain)}/v2/${reference.path}`;
    this.host = reference.domain;
    const token = options.credentials?.registryToken;
    if (token !== undefined) this.authorization = `Bearer ${token}`;
  }

  /** The digest that a tag points at now; undefined when the registry does not say. */
  async headDigest(): Promise<string | undefined> {
    const response = await this.request('HEAD', this.manifestPath(), manifestMediaTypes);
    await response.body?.cancel();
    const digest = response.headers.get('docker-content-digest');
    return digest !== null && /^sha256:[0-9a-f]{64}$/.test(digest) ? digest : undefined;
  }

  /** A manifest by `digest`, else by the reference's own digest or tag. */
  async manifest(digest?: string): Promise<Document> {
    const wanted = digest ?? this.reference.digest;
    const path = this.manifestPath(digest);
    const response = await this.request('GET', path, manifestMediaTypes);
    const bytes = await this.whole(response);
    const actual = `sha256:${createHash('sha256').update(bytes).digest('hex')}`;
    if (wanted !== undefined && wanted !== actual)
      throw unusable(`${this.host} gave a manifest with digest ${actual} for ${wanted}`);
    const type = response.headers.get('content-type')?.split(';')[0]?.trim() ?? '';
    return { bytes, digest: actual, size: bytes.length, mediaType: type };
  }

  /** A blob as it comes; the reader checks its digest. */
  async *blob(blob: ContentDescriptor): AsyncIterable<Uint8Array> {
    const response = await this.request('GET', `/blobs/${blob.digest}`, []);
    let left = blob.size;
    for await (const bytes of this.body(response)) {
      left -= bytes.length;
      if (left < 0)
        throw unusable(`${this.host} gave more than ${blob.size} bytes for ${blob.digest}`);
      yield bytes;
    }
    if (left > 0) throw this.failure('the connection ended in the middle of a layer');
  }

  async document(blob: ContentDescriptor): Promise<Buffer> {
    if (blob.size > DOCUMENT_BOUND)
      throw unusable(`the image configuration has ${blob.size} bytes`);
    const parts: Uint8Array[] = [];
    for await (const bytes of this.blob(blob)) parts.push(bytes);
    return Buffer.concat(parts);
  }

  private manifestPath(digest?: string): string {
    return `/manifests/${digest ?? this.reference.digest ?? this.reference.tag ?? 'latest'}`;
  }

  private async request(
    method: 'GET' | 'HEAD',
    path: string,
    accept: readonly string[],
  ): Promise<Response> {
    let response = await this.send(method, path, accept);
    if (response.status === 401) {
      const challenge = response.headers.get('www-authenticate') ?? '';
      await response.body?.cancel();
      this.authorization = await this.authorize(challenge);
      response = await this.send(method, path, accept);
    }
    if (response.ok) return response;
    await response.body?.cancel();
    throw this.failure(refusal(response.status));
  }

  private send(method: string, path: string, accept: readonly string[]): Promise<Response> {
    return this.fetch(`${this.base}${path}`, {
      method,
      headers: {
        'user-agent': 'swarmkit',
        ...(accept.length > 0 ? { accept: accept.join(', ') } : {}),
        ...(this.authorization === undefined ? {} : { authorization: this.authorization }),
      },
    });
  }

  /** The value of the Authorization header that the challenge asks for. */
  private async authorize(header: string): Promise<string> {
    const challenge = parseChallenge(header);
    const { username, password, identityToken } = this.options.credentials ?? {};
    const basic =
      username === undefined
        ? undefined
        : `Basic ${Buffer.from(`${username}:${password ?? ''}`).toString('base64')}`;
    if (challenge === undefined)
      throw this.failure('it asks for credentials in a way unknown here');
    if (challenge.scheme === 'basic') {
      if (basic === undefined) throw this.failure(refusal(401));
      return basic;
    }
    const { realm = '', service = '', scope } = challenge.parameters;
    const url = tokenUrl(realm, this.base);
    if (url === undefined) throw this.failure('it names no usable place to get a token from');
    const rights = scope ?? `repository:${this.reference.path}:pull`;
    const response =
      identityToken === undefined
        ? await this.fetch(withQuery(url, { service, scope: rights }), {
            headers: basic === undefined ? {} : { authorization: basic },
          })
        : await this.fetch(url.href, {
            method: 'POST',
            body: new URLSearchParams({
              grant_type: 'refresh_token',
              refresh_token: identityToken,
              client_id: 'swarmkit',
              service,
              scope: rights,
            }),
          });
    if (!response.ok) {
      await response.body?.cancel();
      throw this.failure(refusal(response.status));
    }
    return `Bearer ${this.tokenIn(await this.whole(response))}`;
  }

  private tokenIn(bytes: Buffer): string {
    try {
      const raw = JSON.parse(bytes.toString('utf8')) as { token?: string; access_token?: string };
      const token = raw.token ?? raw.access_token;
      if (typeof token === 'string') return token;
    } catch {
      // Falls through: the same sentence.
    }
    throw this.failure('its token server gave no token');
  }

  /** fetch with a limit on the time to the head of the answer; redirects drop our credentials. */
  private async fetch(url: string, init: RequestInit): Promise<Response> {
    const limit = new AbortController();
    const cancel = this.options.clock.after(ANSWER_MS, () =>
      limit.abort(this.failure(`no answer within ${ANSWER_MS / 1000} s`)),
    );
    try {
      // The body goes on after the head has come: it is bound to the caller's signal and to stalls only.
      const signal = AbortSignal.any([limit.signal, this.options.signal]);
      return await fetch(url, { ...init, signal });
    } catch (error) {
      throw this.translate(error);
    } finally {
      cancel();
    }
  }

  private async whole(response: Response): Promise<Buffer> {
    const parts: Uint8Array[] = [];
    let size = 0;
    for await (const bytes of this.body(response)) {
      size += bytes.length;
      if (size > DOCUMENT_BOUND) throw unusable(`${this.host} gave a document of more than 8 MiB`);
      parts.push(bytes);
    }
    return Buffer.concat(parts);
  }

  private async *body(response: Response): AsyncIterable<Uint8Array> {
    const reader = response.body?.getReader();
    if (reader === undefined) return;
    try {
      for (;;) {
        const piece = await this.beforeStall(reader.read());
        if (piece.done) return;
        yield piece.value;
      }
    } catch (error) {
      throw this.translate(error);
    } finally {
      await reader.cancel().catch(() => {});
    }
  }

  private beforeStall<T>(read: Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      const cancel = this.options.clock.after(STALL_MS, () =>
        reject(this.failure(`it sent nothing for ${STALL_MS / 1000} s`)),
      );
      read.then(resolve, reject).finally(cancel);
    });
  }

  private translate(error: unknown): unknown {
    if (this.options.signal.aborted || isSwarmError(error)) return error;
    // fetch says "fetch failed"; the cause knows more.
    const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error;
    return this.failure(messageOf(cause), error);
  }

  /** Never retryable: what is wrong with one image must not hold its task in a loop of its own. */
  private failure(why: string, cause?: unknown): SwarmError {
    return new SwarmError('not-found', 'CONTAINERD_PULL', `registry ${this.host}: ${why}`, {
      cause,
    });
  }
}

/** A token server without TLS is believed only beside a registry without TLS. */
function tokenUrl(realm: string, base: string): URL | undefined {
  try {
    const url = new URL(realm);
    const plain = url.protocol === 'http:' && base.startsWith('http:');
    return url.protocol === 'https:' || plain ? url : undefined;
  } catch {
    return undefined;
  }
}

function withQuery(url: URL, query: Readonly<Record<string, string>>): string {
  const result = new URL(url);
  for (const [key, value] of Object.entries(query))
    if (value !== '') result.searchParams.set(key, value);
  return result.href;
}

function refusal(status: number): string {
  switch (status) {
    case 401:
    case 403:
      return 'access denied; the repository does not exist, or it needs credentials (--with-registry-auth)';
    case 404:
      return 'it has no such image';
    case 429:
      return 'too many requests; it limits how often images may be pulled';
    default:
      return `it answered with HTTP status ${status}`;
  }
}
