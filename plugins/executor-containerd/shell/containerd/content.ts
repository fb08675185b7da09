/** containerd's content store: blobs by digest, checked by containerd when they are committed. */
import type { ClientDuplexStream, ServiceError } from '@grpc/grpc-js';
import {
  ContentService,
  WriteAction,
  type WriteContentRequest,
  type WriteContentResponse,
} from '@swarmkit/sdk/wire/gen/containerd/services/content/v1/content';
import type { ContentDescriptor } from '../../core/image-manifest.js';
import type { ContainerdConnection } from './connection.js';
import { connectionClosed, isKind, translate } from './status.js';

/** containerd refuses messages over 16 MiB; smaller ones overlap network and disk better. */
const CHUNK = 1 << 20;

export interface BlobOptions {
  readonly lease: string;
  /** For containerd's garbage collector, and where the blob came from. */
  readonly labels?: Readonly<Record<string, string>>;
}

export class ContentStore {
  constructor(private readonly containerd: ContainerdConnection) {}

  async labels(digest: string): Promise<Readonly<Record<string, string>> | undefined> {
    const found = await this.containerd.find(ContentService.info, { digest });
    return found?.info?.labels;
  }

  /** A small blob (manifest, configuration); undefined when it is not here. */
  async read(digest: string): Promise<Buffer | undefined> {
    const stream = this.containerd.stream(ContentService.read, { digest, offset: 0n, size: 0n });
    const parts: Buffer[] = [];
    try {
      for await (const part of stream) parts.push((part as { data: Buffer }).data);
    } catch (error) {
      const translated = translate(error as ServiceError, this.containerd.address);
      if (isKind(translated, 'not-found')) return undefined;
      throw translated;
    }
    return Buffer.concat(parts);
  }

  /**
   * Stores a blob unless it is here. `open` is called only when its bytes are needed. Fails when they
   * do not hash to the digest.
   */
  async put(
    blob: ContentDescriptor,
    open: () => AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
    options: BlobOptions,
  ): Promise<void> {
    // A write of its own for each lease: two that fetch the same blob at once do not disturb each
    // other, and what a dead process left half-done goes with its lease.
    const ref = `${options.lease}-${blob.digest}`;
    const stream = this.containerd.duplex(ContentService.write, { lease: options.lease });
    const writer = new ContentWriter(stream, this.containerd.address, {
      ref,
      total: BigInt(blob.size),
      expected: blob.digest,
      labels: options.labels ?? {},
    });
    try {
      const begun = await writer.send(WriteAction.STAT, 0n);
      let offset = begun.offset;
      // Another namespace may have the blob already; then containerd takes it over as it is.
      if (offset < BigInt(blob.size)) {
        for await (const bytes of open()) {
          for (let at = 0; at < bytes.length; at += CHUNK) {
            const data = Buffer.from(
              bytes.buffer,
              bytes.byteOffset + at,
              Math.min(CHUNK, bytes.length - at),
            );
            await writer.send(WriteAction.WRITE, offset, data);
            offset += BigInt(data.length);
          }
        }
      }
      await writer.send(WriteAction.COMMIT, offset);
    } catch (error) {
      if (!isKind(error, 'already-exists')) throw error;
      if (options.labels !== undefined) await this.label(blob.digest, options.labels);
    } finally {
      writer.end();
    }
  }

  /** Adds labels to a blob that may have been here before us. */
  async label(digest: string, labels: Readonly<Record<string, string>>): Promise<void> {
    await this.containerd.unary(ContentService.update, {
      info: { digest, size: 0n, createdAt: undefined, updatedAt: undefined, labels },
      updateMask: Object.keys(labels).map((key) => `labels.${key}`),
    });
  }
}

interface WriteHead {
  readonly ref: string;
  readonly total: bigint;
  readonly expected: string;
  readonly labels: Readonly<Record<string, string>>;
}

type WriteStream = ClientDuplexStream<WriteContentRequest, WriteContentResponse>;

/** One request, one response: containerd answers each step of a write. */
class ContentWriter {
  private waiting: { resolve(r: WriteContentResponse): void; reject(e: unknown): void } | undefined;
  private failure: unknown;

  constructor(
    private readonly stream: WriteStream,
    address: string,
    private readonly head: WriteHead,
  ) {
    stream.on('data', (response: WriteContentResponse) => {
      this.waiting?.resolve(response);
      this.waiting = undefined;
    });
    stream.on('error', (error: ServiceError) => this.fail(translate(error, address)));
    stream.on('end', () => this.fail(connectionClosed(address)));
  }

  send(
    action: WriteAction,
    offset: bigint,
    data: Buffer = Buffer.alloc(0),
  ): Promise<WriteContentResponse> {
    return new Promise((resolve, reject) => {
      if (this.failure !== undefined) {
        reject(this.failure);
        return;
      }
      this.waiting = { resolve, reject };
      const request: WriteContentRequest = { ...this.head, action, offset, data };
      this.stream.write(request);
    });
  }

  end(): void {
    this.stream.end();
    this.stream.cancel();
  }

  private fail(error: unknown): void {
    this.failure ??= error;
    this.waiting?.reject(this.failure);
    this.waiting = undefined;
  }
}
