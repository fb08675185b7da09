/**
 * The addresses of nodes: from its own one on each network a node balances what goes to virtual addresses.
 * A node has one on ingress, and one on each overlay network that a task on it uses. Only nodes that have
 * overlay networks are given any, so that others do not use up the subnets; what a Docker manager gave them is
 * left to them.
 */
import type { Draft, View } from '@swarmkit/sdk/contracts/store';
import { isTerminal, observedState } from '@swarmkit/sdk/model/task';
import type {
  Network,
  NetworkAttachment,
  Node,
  Task,
} from '@swarmkit/sdk/wire/gen/swarmkit/objects';
import { type NodeDescription, TaskState } from '@swarmkit/sdk/wire/gen/swarmkit/types';
import type { AddressBook } from './address-book.js';
import type { ClusterNetworks } from './cluster-networks.js';
import { type AllocatedNetwork, isAllocated, isNodeLocal } from './networks.js';

/** Takes away what the node needs no longer. True where something was. */
export function dropAttachments(
  draft: Draft,
  networks: ClusterNetworks,
  book: AddressBook,
  node: Node,
): boolean {
  if (node.attachments.length === 0) return false;
  const needed = networksOnNode(draft, networks, node);
  const kept = node.attachments.filter(({ network }) => needed.has(network?.id ?? ''));
  if (kept.length === node.attachments.length) return false;
  for (const { network, addresses } of node.attachments)
    if (!needed.has(network?.id ?? ''))
      for (const address of addresses) book.release(network?.id ?? '', address);
  draft.update('node', { ...node, attachments: kept });
  return true;
}

/** Gives the node what it lacks. The answer names networks that have no address left. */
export function addAttachments(
  draft: Draft,
  networks: ClusterNetworks,
  book: AddressBook,
  node: Node,
): readonly Network[] {
  if (!hasOverlay(node.description)) return [];
  const added: NetworkAttachment[] = [];
  const full: Network[] = [];
  for (const network of networksOnNode(draft, networks, node).values()) {
    if (node.attachments.some((attachment) => attachment.network?.id === network.id)) continue;
    const { address } = book.take(network);
    if (address === undefined) full.push(network);
    else
      added.push({
        network: networks.copy(network),
        addresses: [address],
        aliases: [],
        driverAttachmentOpts: {},
      });
  }
  if (added.length > 0)
    draft.update('node', { ...node, attachments: [...node.attachments, ...added] });
  return full;
}

/** Ingress first, then in the order of ids. */
function networksOnNode(
  view: View,
  networks: ClusterNetworks,
  node: Node,
): ReadonlyMap<string, AllocatedNetwork> {
  const ids = new Set<string>();
  for (const task of view.find('task', { by: 'node', id: node.id }))
    if (task.networks.length > 0 && isPlaced(task))
      for (const { network } of task.networks) ids.add(network?.id ?? '');
  const ingress = networks.ingress?.id;
  if (ingress !== undefined) ids.delete(ingress);
  const found = new Map<string, AllocatedNetwork>();
  for (const id of [...(ingress === undefined ? [] : [ingress]), ...[...ids].sort()]) {
    const network = view.get('network', id);
    if (network !== undefined && isAllocated(network) && !isNodeLocal(network))
      found.set(id, network);
  }
  return found;
}

/** What has its node from birth may still be refused there; that it is not is told by the scheduler's change. */
const isPlaced = (task: Task): boolean =>
  observedState(task) >= TaskState.ASSIGNED && !isTerminal(task);

/** Nodes that may lack an address of one of these networks. */
export function nodesOn(view: View, networks: readonly Network[]): ReadonlySet<string> {
  const ids = new Set<string>();
  for (const { id } of networks)
    for (const task of view.find('task', { by: 'network', id }))
      if (task.nodeId !== '') ids.add(task.nodeId);
  return ids;
}

/** Descriptions never change in place, so each is read once. */
const known = new WeakMap<NodeDescription, boolean>();

function hasOverlay(description: NodeDescription | undefined): boolean {
  if (description === undefined) return false;
  let has = known.get(description);
  if (has === undefined) {
    has = (description.engine?.plugins ?? []).some(
      ({ type, name }) => type === 'Network' && name === 'overlay',
    );
    known.set(description, has);
  }
  return has;
}
