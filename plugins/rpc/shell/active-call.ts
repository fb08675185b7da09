import type { Metadata } from '@grpc/grpc-js';
import type { Call, Exposure, Peer } from '@swarmkit/sdk/contracts/rpc';

type OnAbort = (reason: Error) => void;

/** One call in progress, as its handler sees it. It ends once: by its handler, or by `abort`. */
export class ActiveCall implements Call {
  /** Why it was cut short; undefined while it runs and when its handler ended it. */
  reason: Error | undefined;
  private over = false;
  private controller: AbortController | undefined;
  private headers: ReadonlyMap<string, string> | undefined;
  private readonly listeners: OnAbort[] = [];

  constructor(
    readonly path: string,
    readonly exposure: Exposure,
    readonly peer: Peer,
    private readonly wire: { readonly metadata: Metadata },
  ) {}

  get ended(): boolean {
    return this.over;
  }

  // Signal and metadata are made on demand: most unary calls never look at either.
  get signal(): AbortSignal {
    if (this.controller === undefined) {
      this.controller = new AbortController();
      if (this.reason !== undefined) this.controller.abort(this.reason);
    }
    return this.controller.signal;
  }

  get metadata(): ReadonlyMap<string, string> {
    if (this.headers === undefined) {
      const { metadata } = this.wire;
      const keys = Object.keys(metadata.getMap());
      this.headers = new Map(keys.map((key) => [key, textOf(metadata, key)]));
    }
    return this.headers;
  }

  onAbort(listener: OnAbort): void {
    this.listeners.push(listener);
  }

  /** The handler is through. False when the call had ended before. */
  finish(): boolean {
    if (this.over) return false;
    this.over = true;
    return true;
  }

  abort(reason: Error): void {
    if (!this.finish()) return;
    this.reason = reason;
    for (const listener of this.listeners) listener(reason);
    this.controller?.abort(reason);
  }
}

/** Repeated headers joined as HTTP does; binary ones in base64. */
const textOf = (metadata: Metadata, key: string): string =>
  metadata
    .get(key)
    .map((value) => (typeof value === 'string' ? value : value.toString('base64')))
    .join(', ');
