/**
 * Which addresses of networks an object holds: a service its virtual ones, a node those of its attachments, and
 * a live task those of its attachments and the virtual ones that it was told of, though its service may be gone.
 */
import type { ObjectKind, Objects } from '../contracts/store.js';
import type { NetworkAttachment, Node, Service, Task } from '../wire/gen/swarmkit/objects.js';
import { isTerminal } from './task.js';

export interface HeldAddress {
  readonly networkId: string;
  /** Without its prefix length: `10.0.1.2`. */
  readonly address: string;
}

/** Without the prefix length. */
export const plainAddress = (address: string): string => {
  const slash = address.indexOf('/');
  return slash < 0 ? address : address.slice(0, slash);
};

export function heldAddresses(
  kind: ObjectKind,
  object: Objects[ObjectKind],
): readonly HeldAddress[] {
  switch (kind) {
    case 'service':
      return virtualOnes(object as Service);
    case 'node':
      return ofAttachments((object as Node).attachments);
    case 'task': {
      const task = object as Task;
      return isTerminal(task) ? nothing : [...ofAttachments(task.networks), ...virtualOnes(task)];
    }
    default:
      return nothing;
  }
}

/** Quick test that both hold the same; may say false when they do. */
export function holdTheSame(
  kind: ObjectKind,
  before: Objects[ObjectKind],
  after: Objects[ObjectKind],
): boolean {
  switch (kind) {
    case 'service':
      return (before as Service).endpoint === (after as Service).endpoint;
    case 'node':
      return (before as Node).attachments === (after as Node).attachments;
    case 'task': {
      const [a, b] = [before as Task, after as Task];
      return (
        a.networks === b.networks && a.endpoint === b.endpoint && isTerminal(a) === isTerminal(b)
      );
    }
    default:
      return true;
  }
}

const nothing: readonly HeldAddress[] = [];

function virtualOnes({ endpoint }: Service | Task): readonly HeldAddress[] {
  if (endpoint === undefined || endpoint.virtualIps.length === 0) return nothing;
  return endpoint.virtualIps
    .filter(({ addr }) => addr !== '')
    .map(({ networkId, addr }) => ({ networkId, address: plainAddress(addr) }));
}

function ofAttachments(attachments: readonly NetworkAttachment[]): readonly HeldAddress[] {
  if (attachments.length === 0) return nothing;
  return attachments.flatMap(({ network, addresses }) =>
    addresses
      .filter((address) => address !== '')
      .map((address) => ({ networkId: network?.id ?? '', address: plainAddress(address) })),
  );
}
