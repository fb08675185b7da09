/** Which networks a task is attached to, as far as this cluster can provide them. */
import type { View } from '@swarmkit/sdk/contracts/store';
import type {
  Network,
  NetworkAttachment,
  Service,
  Task,
} from '@swarmkit/sdk/wire/gen/swarmkit/objects';

export type AttachmentsOrProblem =
  | { readonly attachments: readonly NetworkAttachment[]; readonly problem?: undefined }
  | { readonly problem: string };

/** Everything but overlay is the node's own affair: bridge, host, macvlan, and drivers we do not know. */
export function isNodeLocal(network: Network): boolean {
  const driver = driverName(network);
  return driver !== '' && driver !== 'overlay';
}

/** Names the driver, as an allocated network has it. There are no addresses to hand out. */
export const allocateLocal = (network: Network): Network => ({
  ...network,
  driverState: { name: driverName(network), options: {} },
  ipam: { driver: undefined, configs: [] },
});

/** Networks of the task's spec, else the service's old ones. Unknown networks are skipped. */
export function attachmentsOf(
  view: View,
  task: Task,
  service: Service | undefined,
): AttachmentsOrProblem {
  const ofTask = task.spec?.networks ?? [];
  const wanted = ofTask.length > 0 ? ofTask : (service?.spec?.networks ?? []);
  const attachments: NetworkAttachment[] = [];
  for (const { target, aliases, driverAttachmentOpts } of wanted) {
    const network = view.get('network', target);
    if (network === undefined) continue;
    if (!isNodeLocal(network))
      return {
        problem: `network ${network.spec?.annotations?.name ?? network.id} cannot be attached: overlay networks are not available yet`,
      };
    attachments.push({ network, addresses: [], aliases, driverAttachmentOpts });
  }
  return { attachments };
}

const driverName = (network: Network): string => network.spec?.driverConfig?.name ?? '';
