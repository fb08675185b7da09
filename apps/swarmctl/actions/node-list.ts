import { ListNodesRequest } from '@swarmkit/sdk/wire/gen/swarmkit/control';
import type { Node } from '@swarmkit/sdk/wire/gen/swarmkit/objects';
import { IssuanceStatus_State, NodeRole } from '@swarmkit/sdk/wire/gen/swarmkit/types';
import { hostnameOf } from '../find.js';
import { jsonOf } from '../output/json.js';
import { availability, nodeState, reachability, sentence } from '../output/names.js';
import { table } from '../output/table.js';
import type { Session } from '../session.js';

export async function listNodes(
  session: Session,
  { quiet }: { readonly quiet?: boolean },
): Promise<void> {
  const { nodes } = await session.control.listNodes(ListNodesRequest.create());
  if (session.json) session.sayJson(nodes.map((one) => jsonOf('node', one)));
  else if (quiet) for (const { id } of nodes) session.say(id);
  else session.say(nodeTable(nodes));
}

const nodeTable = (nodes: readonly Node[]): string =>
  table(
    ['ID', 'HOSTNAME', 'STATUS', 'AVAILABILITY', 'MANAGER STATUS', 'CERTIFICATE', 'ENGINE'],
    nodes.map((node) => [
      node.id,
      hostnameOf(node),
      sentence(nodeState(node.status?.state)),
      sentence(availability(node.spec?.availability)),
      managerText(node),
      certificateText(node),
      node.description?.engine?.engineVersion ?? '',
    ]),
  );

/** Empty for workers. */
export const managerText = ({ managerStatus, spec }: Node): string => {
  if (managerStatus === undefined) return spec?.desiredRole === NodeRole.MANAGER ? 'Joining' : '';
  return managerStatus.leader ? 'Leader' : sentence(reachability(managerStatus.reachability));
};

const certificateWords: Readonly<Record<number, string>> = {
  [IssuanceStatus_State.ISSUED]: 'Issued',
  [IssuanceStatus_State.PENDING]: 'Pending',
  [IssuanceStatus_State.RENEW]: 'Renewing',
  [IssuanceStatus_State.ROTATE]: 'To be renewed',
};

/** Where its certificate stands; of one that could not be made, why. */
export const certificateText = ({ certificate }: Node): string => {
  const { state = IssuanceStatus_State.UNKNOWN, err = '' } = certificate?.status ?? {};
  if (state === IssuanceStatus_State.FAILED) return `Failed: ${err}`;
  return certificateWords[state] ?? '';
};
