/** A registry on loopback that serves one image, and can be told to misbehave. For tests of pulling. */
import { createHash } from 'node:crypto';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { gzipSync } from 'node:zlib';

export interface ServedImage {
  readonly config: Buffer;
  /** Uncompressed tar. */
  readonly layers: readonly Buffer[];
}

export interface RegistryBehaviour {
  /** Asks for `user:secret`, by this scheme. */
  auth?: 'basic' | 'bearer';
  /** Serves an index with this machine's image among others. */
  index?: boolean;
  /** One bit of every layer is wrong. */
  corrupt?: boolean;
  /** Answers a request itself and says so. */
  intercept?(request: IncomingMessage, response: ServerResponse): boolean;
}

const sha256 = (bytes: Uint8Array): string =>
  `sha256:${createHash('sha256').update(bytes).digest('hex')}`;
const MANIFEST = 'application/vnd.oci.image.manifest.v1+json';
const INDEX = 'application/vnd.oci.image.index.v1+json';

export class RegistryServer {
  readonly requests: string[] = [];
  readonly behaviour: RegistryBehaviour = {};
  private readonly server: Server;
  private readonly blobs = new Map<string, Buffer>();
  private readonly manifests = new Map<string, { type: string; bytes: Buffer }>();

  private constructor() {
    this.server = createServer((request, response) => this.answer(request, response));
  }

  static async start(): Promise<RegistryServer> {
    const registry = new RegistryServer();
    await new Promise<void>((resolve) => registry.server.listen(0, '127.0.0.1', resolve));
    return registry;
  }

  get host(): string {
    return `127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  async stop(): Promise<void> {
    this.server.closeAllConnections();
    await new Promise((resolve) => this.server.close(resolve));
  }

  /** Puts an image under `tag` and returns its manifest's digest. */
  push(tag: string, { config, layers }: ServedImage): string {
    const add = (mediaType: string, bytes: Buffer) => {
      const digest = sha256(bytes);
      this.blobs.set(digest, bytes);
      return { mediaType, digest, size: bytes.length };
    };
    const manifest = Buffer.from(
      JSON.stringify({
        schemaVersion: 2,
        mediaType: MANIFEST,
        config: add('application/vnd.oci.image.config.v1+json', config),
        layers: layers.map((layer) =>
          add('application/vnd.oci.image.layer.v1.tar+gzip', gzipSync(layer)),
        ),
      }),
    );
    const digest = this.put(tag, MANIFEST, manifest);
    if (this.behaviour.index !== true) return digest;
    const architecture = process.arch === 'x64' ? 'amd64' : process.arch;
    const entry = (os: string, of: string) => ({
      mediaType: MANIFEST,
      digest: of,
      size: manifest.length,
      platform: { os, architecture },
    });
    const absent = `sha256:${'0'.repeat(64)}`;
    const index = {
      schemaVersion: 2,
      mediaType: INDEX,
      manifests: [entry('windows', absent), entry('linux', digest)],
    };
    return this.put(tag, INDEX, Buffer.from(JSON.stringify(index)));
  }

  /** Requests for the data of an image, as against questions about it. */
  get fetches(): readonly string[] {
    return this.requests.filter((line) => line.startsWith('GET /v2/'));
  }

  private put(tag: string, type: string, bytes: Buffer): string {
    const digest = sha256(bytes);
    this.manifests.set(digest, { type, bytes });
    this.manifests.set(tag, { type, bytes });
    return digest;
  }

  private answer(request: IncomingMessage, response: ServerResponse): void {
    this.requests.push(`${request.method} ${request.url}`);
    if (this.behaviour.intercept?.(request, response) === true) return;
    const url = new URL(request.url ?? '/', `http://${this.host}`);
    if (url.pathname === '/token') this.token(request, url, response);
    else if (this.refuse(request, response)) return;
    else this.serve(request, url.pathname, response);
  }

  private refuse(request: IncomingMessage, response: ServerResponse): boolean {
    const { auth } = this.behaviour;
    const given = request.headers.authorization;
    if (auth === undefined) return false;
    if (given === (auth === 'basic' ? basic : 'Bearer good-token')) return false;
    const challenge =
      auth === 'basic'
        ? 'Basic realm="registry"'
        : `Bearer realm="http://${this.host}/token",service="test",scope="repository:lib/app:pull"`;
    response.writeHead(401, { 'www-authenticate': challenge }).end();
    return true;
  }

  private token(request: IncomingMessage, url: URL, response: ServerResponse): void {
    const known = request.headers.authorization === basic;
    const asked = url.searchParams.get('scope') === 'repository:lib/app:pull';
    if (!known || !asked) response.writeHead(401).end();
    else response.writeHead(200).end(JSON.stringify({ token: 'good-token' }));
  }

  private serve(request: IncomingMessage, path: string, response: ServerResponse): void {
    const [, kind, name = ''] = /\/(manifests|blobs)\/(.+)$/.exec(path) ?? [];
    const manifest = kind === 'manifests' ? this.manifests.get(name) : undefined;
    const bytes = kind === 'blobs' ? this.blobs.get(name) : manifest?.bytes;
    if (bytes === undefined) {
      response.writeHead(404).end();
      return;
    }
    response.writeHead(200, {
      'content-type': manifest?.type ?? 'application/octet-stream',
      'content-length': bytes.length,
      ...(manifest === undefined ? {} : { 'docker-content-digest': sha256(bytes) }),
    });
    const isLayer = kind === 'blobs' && bytes[0] === 0x1f;
    const sent = isLayer && this.behaviour.corrupt === true ? Buffer.from(bytes) : bytes;
    // The time in gzip's header: it still unpacks, so only the digest can tell.
    if (sent !== bytes) sent[4] = (sent[4] ?? 0) ^ 1;
    response.end(request.method === 'HEAD' ? undefined : sent);
  }
}

const basic = `Basic ${Buffer.from('user:secret').toString('base64')}`;
