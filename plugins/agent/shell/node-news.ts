import type { Executor } from '@swarmkit/sdk/contracts/executor';
import type { IdentityNews, KnownManager } from '@swarmkit/sdk/contracts/identity';
import { wireEqual } from '@swarmkit/sdk/model/wire-equal';
import { messageOf } from '@swarmkit/sdk/plugin/errors';
import type { Logger } from '@swarmkit/sdk/plugin/plugin';
import type { SessionMessage } from '@swarmkit/sdk/wire/gen/swarmkit/dispatcher';
import type { Node } from '@swarmkit/sdk/wire/gen/swarmkit/objects';
import type { EncryptionKey } from '@swarmkit/sdk/wire/gen/swarmkit/types';
import { hasNewKey } from '../core/network-keys.js';

/**
 * What a session says besides tasks, brought to whom it concerns: roots, own node and managers to the
 * node's identity; own node and network keys to executors. It must not believe that a message is
 * about this node, nor let anybody's trouble with it end the session.
 */

interface NodeNewsParts {
  readonly log: Logger;
  readonly nodeId: string;
  readonly identity: IdentityNews | undefined;
  readonly executors: readonly Executor[];
}

export class NodeNews {
  private roots = '';
  private node: Node | undefined;
  private keys: readonly EncryptionKey[] = [];

  constructor(private readonly parts: NodeNewsParts) {}

  take({ RootCA, node, networkBootstrapKeys }: SessionMessage): void {
    if (RootCA.length > 0) {
      this.roots = RootCA.toString();
      this.tellRoots();
    }
    if (node !== undefined && node.id === this.parts.nodeId) {
      this.tell('the managers’ word on this node is not taken', () =>
        this.parts.identity?.node(node),
      );
      if (!wireEqual(configuration(node), this.node)) {
        this.node = configuration(node);
        this.configure('configured', (executor) => executor.configure?.(node));
      }
    }
    if (hasNewKey(this.keys, networkBootstrapKeys)) {
      this.keys = networkBootstrapKeys;
      this.configure('given network keys', (executor) =>
        executor.useNetworkKeys?.(networkBootstrapKeys),
      );
    }
  }

  managers(list: readonly KnownManager[]): void {
    if (list.length > 0)
      this.tell('the list of managers is not taken', () => this.parts.identity?.managers(list));
  }

  /** The certificate is another one: roots that did not fit the one before may fit it. */
  identityChanged(): void {
    if (this.roots !== '') this.tellRoots();
  }

  private tellRoots(): void {
    this.tell('the managers’ roots are not taken', () => this.parts.identity?.roots(this.roots));
  }

  private configure(what: string, work: (executor: Executor) => void): void {
    for (const executor of this.parts.executors)
      this.tell(`the executor ${executor.id} is not ${what}`, () => work(executor));
  }

  private tell(what: string, work: () => unknown): void {
    const refused = (error: unknown): void =>
      this.parts.log.error({ err: error }, `${what}: ${messageOf(error)}`);
    try {
      Promise.resolve(work()).catch(refused);
    } catch (error) {
      refused(error);
    }
  }
}

const configuration = (node: Node): Node => ({ ...node, status: undefined, meta: undefined });
