import { ListTasksRequest } from '@swarmkit/sdk/wire/gen/swarmkit/control';
import type { Node } from '@swarmkit/sdk/wire/gen/swarmkit/objects';
import { findNode } from '../find.js';
import { fields, labelText } from '../output/fields.js';
import { jsonOf } from '../output/json.js';
import { availability, membership, nodeRole, nodeState, sentence } from '../output/names.js';
import { sizeText } from '../output/size.js';
import type { Session } from '../session.js';
import { certificateText, managerText } from './node-list.js';
import { taskTable } from './task-list.js';

export async function inspectNode(
  session: Session,
  word: string,
  { all }: { readonly all?: boolean },
): Promise<void> {
  const { control } = session;
  const found = await findNode(control, word);
  if (session.json) {
    session.sayJson(jsonOf('node', found));
    return;
  }
  const { tasks } = await control.listTasks(
    ListTasksRequest.fromPartial({ filters: { nodeIds: [found.id] } }),
  );
  session.say(describe(found));
  session.say('');
  session.say(await taskTable(session, tasks, all === true));
}

function describe(node: Node): string {
  const { description, status, spec } = node;
  const { platform, resources, engine } = description ?? {};
  return fields([
    ['ID', node.id],
    ['Hostname', description?.hostname ?? ''],
    ['Role', sentence(nodeRole(node.role))],
    ['Status', sentence(nodeState(status?.state))],
    ['Message', status?.message ?? ''],
    ['Address', status?.addr ?? ''],
    ['Availability', sentence(availability(spec?.availability))],
    ['Membership', sentence(membership(spec?.membership))],
    ['Manager', managerText(node)],
    ['Certificate', certificateText(node)],
    ['Labels', labelText(spec?.annotations?.labels)],
    ['Platform', platform ? `${platform.os}/${platform.architecture}` : ''],
    ['CPUs', resources ? String(Number(resources.nanoCpus) / 1e9) : ''],
    ['Memory', resources ? sizeText(resources.memoryBytes) : ''],
    ['Engine', engine?.engineVersion ?? ''],
    ['Engine labels', labelText(engine?.labels)],
  ]);
}
