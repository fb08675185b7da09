/** The attachments of a task: the ingress network where its service publishes ports, then those it names. */
import { needsIngress } from '@swarmkit/sdk/model/ingress';
import type { View } from '@swarmkit/sdk/contracts/store';
import type {
  Network,
  NetworkAttachment,
  Service,
  Task,
} from '@swarmkit/sdk/wire/gen/swarmkit/objects';
import type { NetworkAttachmentConfig } from '@swarmkit/sdk/wire/gen/swarmkit/types';
import type { AddressBook } from './address-book.js';
import { type ClusterNetworks, networksOf } from './cluster-networks.js';
import { isAllocated, isNodeLocal, networkName } from './networks.js';

export type AttachmentsOrProblem =
  | { readonly attachments: readonly NetworkAttachment[]; readonly problem?: undefined }
  | { readonly problem: string };

/** One address a network, or nothing at all. Unknown networks are skipped. */
export function attachmentsOf(
  view: View,
  networks: ClusterNetworks,
  book: AddressBook,
  task: Task,
  service: Service | undefined,
): AttachmentsOrProblem {
  const mark = book.mark();
  const attachments: NetworkAttachment[] = [];
  const ingress = needsIngress(service?.spec) ? networks.ingress : undefined;
  const wanted = networksOf(task.spec?.networks, service);
  for (const config of ingress === undefined ? wanted : [attach(ingress.id), ...wanted]) {
    const network = view.get('network', config.target);
    if (network === undefined) continue;
    const answer = attachment(networks, book, network, config);
    if (typeof answer === 'string') {
      book.undo(mark);
      return { problem: answer };
    }
    attachments.push(answer);
  }
  return { attachments };
}

function attachment(
  networks: ClusterNetworks,
  book: AddressBook,
  network: Network,
  { aliases, addresses, driverAttachmentOpts }: NetworkAttachmentConfig,
): NetworkAttachment | string {
  if (!isAllocated(network)) return networks.problem(network);
  const made = { network: networks.copy(network), aliases, driverAttachmentOpts };
  if (isNodeLocal(network)) return { ...made, addresses };
  let why = '';
  // Where several are wanted the first that can be had is given, as Docker does.
  for (const wanted of addresses.length === 0 ? [undefined] : addresses) {
    const answer = book.take(network, wanted);
    if (answer.address !== undefined) return { ...made, addresses: [answer.address] };
    why = answer.problem;
  }
  return `network ${networkName(network)} cannot be attached: ${why}`;
}

const attach = (target: string): NetworkAttachmentConfig => ({
  target,
  aliases: [],
  addresses: [],
  driverAttachmentOpts: {},
});
