import type { Member } from '@swarmkit/sdk/contracts/consensus';
import type { Change, View } from '@swarmkit/sdk/contracts/store';
import { wireEqual } from '@swarmkit/sdk/model/wire-equal';
import { FastReader } from '@swarmkit/sdk/wire/fast-reader';
import { SessionMessage } from '@swarmkit/sdk/wire/gen/swarmkit/dispatcher';
import type { Cluster, Node } from '@swarmkit/sdk/wire/gen/swarmkit/objects';
import type { EncryptionKey } from '@swarmkit/sdk/wire/gen/swarmkit/types';

/**
 * What a session tells its agent: its own node, the managers, the network keys, the trusted root. All
 * but the node is the same for everybody and is encoded once.
 */

/** As SwarmKit gives every manager. */
const managerWeight = 10n;

export class SessionMessages {
  private members: readonly Member[] = [];
  private keys: readonly EncryptionKey[] | undefined;
  private root: Uint8Array | undefined;
  private shared: SessionMessage['_unknownFields'];

  message(
    view: View,
    members: readonly Member[],
    nodeId: string,
    sessionId: string,
  ): SessionMessage {
    return {
      sessionId,
      node: view.get('node', nodeId),
      managers: [],
      networkBootstrapKeys: [],
      RootCA: nothing,
      // The bytes of the three above, as fields that the encoder does not look into.
      _unknownFields: this.sharedFields(view, members),
    };
  }

  private sharedFields(view: View, members: readonly Member[]): SessionMessage['_unknownFields'] {
    const cluster = view.find('cluster', { by: 'all' })[0];
    const keys = cluster?.networkBootstrapKeys;
    const root = cluster?.rootCa?.caCert;
    // Stored objects never change in place.
    if (
      this.shared === undefined ||
      keys !== this.keys ||
      root !== this.root ||
      !sameMembers(members, this.members)
    ) {
      this.keys = keys;
      this.root = root;
      this.members = [...members];
      const encoded = SessionMessage.encode({
        ...SessionMessage.create(),
        managers: members
          .filter(({ address }) => address !== '')
          .map(({ nodeId, address }) => ({
            peer: { nodeId, addr: address },
            weight: managerWeight,
          })),
        networkBootstrapKeys: keys ?? [],
        RootCA: Buffer.from(root ?? []),
      }).finish();
      this.shared = fieldsOf(encoded);
    }
    return this.shared;
  }
}

/** The fields of an encoded message, by tag. */
function fieldsOf(encoded: Uint8Array): SessionMessage['_unknownFields'] {
  const fields: { _unknownFields?: Record<number, Uint8Array[]> } = {};
  const reader = new FastReader(encoded);
  while (reader.pos < reader.end) reader.keep(fields, reader.uint32());
  return fields._unknownFields ?? {};
}

/** Whether agents would hear something new; who is reachable is not said. */
export const sameMembers = (a: readonly Member[], b: readonly Member[]): boolean =>
  a.length === b.length &&
  a.every((one, i) => one.nodeId === b[i]?.nodeId && one.address === b[i]?.address);

/**
 * Whether a change of a node gives its agent something to hear. What the dispatcher itself writes
 * (status, description) is not sent back.
 */
export const isNewsOfNode = (change: Extract<Change, { kind: 'node' }>): boolean =>
  !wireEqual(heard(change.object), change.old && heard(change.old));

/** Whether a change of the cluster gives every agent something to hear. */
export const isNewsForAll = (change: Extract<Change, { kind: 'cluster' }>): boolean =>
  !wireEqual(trusted(change.object), change.old && trusted(change.old));

const heard = (node: Node): Node => ({
  ...node,
  meta: undefined,
  status: undefined,
  description: undefined,
});

const trusted = (cluster: Cluster): unknown => ({
  root: cluster.rootCa?.caCert,
  keys: cluster.networkBootstrapKeys,
});

const nothing = Buffer.alloc(0);
