/** Callers that wait until a node's certificate is decided. The store is looked at again at every change of it. */
import type { Commit, View } from '@swarmkit/sdk/contracts/store';
import type { Node } from '@swarmkit/sdk/wire/gen/swarmkit/objects';
import { tooManyPolls, unknownNode } from '../core/refusals.js';
import { isDecided } from '../core/signing.js';

/** Nobody needs a certificate to wait here. */
const MAX_POLLS = 10_000;

export class CertificatePolls {
  private readonly waiting = new Map<string, Set<(node: Node | undefined) => void>>();
  private count = 0;

  constructor(private readonly view: () => View) {}

  /** Rejects when the node does not exist, or exists no more. */
  async decided(nodeId: string, signal: AbortSignal): Promise<Node> {
    signal.throwIfAborted();
    const node = this.view().get('node', nodeId);
    if (node === undefined) throw unknownNode();
    return isDecided(node) ? node : this.wait(nodeId, signal);
  }

  onCommit({ changes }: Commit): void {
    if (this.count === 0) return;
    for (const change of changes)
      if (change.kind === 'node')
        for (const look of this.waiting.get(change.id) ?? [])
          look(change.action === 'remove' ? undefined : change.object);
  }

  private wait(nodeId: string, signal: AbortSignal): Promise<Node> {
    if (this.count >= MAX_POLLS) throw tooManyPolls(MAX_POLLS);
    return new Promise((resolve, reject) => {
      const end = (): void => {
        signal.removeEventListener('abort', leave);
        const looks = this.waiting.get(nodeId);
        looks?.delete(look);
        if (looks?.size === 0) this.waiting.delete(nodeId);
        this.count -= 1;
      };
      const leave = (): void => {
        end();
        reject(signal.reason);
      };
      const look = (node: Node | undefined): void => {
        if (node !== undefined && !isDecided(node)) return;
        end();
        if (node === undefined) reject(unknownNode());
        else resolve(node);
      };
      const looks = this.waiting.get(nodeId) ?? new Set();
      this.waiting.set(nodeId, looks.add(look));
      this.count += 1;
      signal.addEventListener('abort', leave, { once: true });
    });
  }
}
