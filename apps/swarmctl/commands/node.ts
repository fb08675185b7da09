import {
  ListNodesRequest,
  ListTasksRequest,
  UpdateNodeRequest,
} from '@swarmkit/sdk/wire/gen/swarmkit/control';
import type { Node } from '@swarmkit/sdk/wire/gen/swarmkit/objects';
import { NodeSpec, NodeSpec_Availability } from '@swarmkit/sdk/wire/gen/swarmkit/specs';
import { Command } from 'commander';
import { findNode } from '../find.js';
import { fields } from '../output/fields.js';
import { jsonOf, print } from '../output/json.js';
import {
  availability,
  membership,
  nodeRole,
  nodeState,
  reachability,
  sentence,
} from '../output/names.js';
import { table } from '../output/table.js';
import type { Session } from '../session.js';
import { taskTable } from './task.js';

export function nodeCommand(open: () => Session): Command {
  const node = new Command('node').description('Look at nodes and say what they may run');

  node
    .command('ls')
    .alias('list')
    .description('List nodes')
    .option('-q, --quiet', 'ids only')
    .action(async ({ quiet }: { readonly quiet?: boolean }) => {
      const session = open();
      const { nodes } = await session.control.listNodes(ListNodesRequest.create());
      if (session.format === 'json') print(nodes.map((one) => jsonOf('node', one)));
      else if (quiet) for (const { id } of nodes) console.log(id);
      else console.log(nodeTable(nodes));
    });

  node
    .command('inspect <node>')
    .description('Show a node and its tasks')
    .option('-a, --all', 'also tasks that have ended')
    .action(async (word: string, { all }: { readonly all?: boolean }) => {
      const session = open();
      const found = await findNode(session, word);
      if (session.format === 'json') {
        print(jsonOf('node', found));
        return;
      }
      const { tasks } = await session.control.listTasks(
        ListTasksRequest.fromPartial({ filters: { nodeIds: [found.id] } }),
      );
      console.log(fields(describe(found)));
      console.log();
      console.log(await taskTable(session, tasks, all === true));
    });

  const states = {
    activate: [NodeSpec_Availability.ACTIVE, 'Let nodes take tasks again'],
    pause: [NodeSpec_Availability.PAUSE, 'Give nodes no new tasks; those they have go on'],
    drain: [NodeSpec_Availability.DRAIN, 'Move all tasks off nodes and give them no new ones'],
  } as const;
  for (const [name, [wanted, description]] of Object.entries(states))
    node
      .command(`${name} <node...>`)
      .description(description)
      .action(async (words: readonly string[]) => {
        const session = open();
        for (const word of words) await setAvailability(session, word, wanted);
      });
  return node;
}

async function setAvailability(
  session: Session,
  word: string,
  wanted: NodeSpec_Availability,
): Promise<void> {
  const found = await findNode(session, word);
  await session.control.updateNode(
    UpdateNodeRequest.create({
      nodeId: found.id,
      nodeVersion: found.meta?.version,
      spec: { ...(found.spec ?? NodeSpec.create()), availability: wanted },
    }),
  );
  console.log(word);
}

const managerOf = (node: Node): string => {
  if (node.managerStatus === undefined) return '';
  return node.managerStatus.leader
    ? 'Leader'
    : sentence(reachability(node.managerStatus.reachability));
};

const nodeTable = (nodes: readonly Node[]): string =>
  table(
    ['ID', 'HOSTNAME', 'STATUS', 'AVAILABILITY', 'MANAGER STATUS', 'ENGINE'],
    nodes.map((node) => [
      node.id,
      node.description?.hostname ?? '',
      sentence(nodeState(node.status?.state)),
      sentence(availability(node.spec?.availability)),
      managerOf(node),
      node.description?.engine?.engineVersion ?? '',
    ]),
  );

function describe(node: Node): readonly (readonly [string, string])[] {
  const { description, status, spec } = node;
  const pairs = (labels: Readonly<Record<string, string>> | undefined): string =>
    Object.entries(labels ?? {})
      .map(([key, value]) => `${key}=${value}`)
      .join(', ');
  return [
    ['ID', node.id],
    ['Hostname', description?.hostname ?? ''],
    ['Role', sentence(nodeRole(node.role))],
    ['Status', sentence(nodeState(status?.state))],
    ['Message', status?.message ?? ''],
    ['Address', status?.addr ?? ''],
    ['Availability', sentence(availability(spec?.availability))],
    ['Membership', sentence(membership(spec?.membership))],
    ['Manager', managerOf(node)],
    ['Labels', pairs(spec?.annotations?.labels)],
    [
      'Platform',
      description?.platform
        ? `${description.platform.os}/${description.platform.architecture}`
        : '',
    ],
    ['CPUs', description?.resources ? String(Number(description.resources.nanoCpus) / 1e9) : ''],
    [
      'Memory',
      description?.resources
        ? `${(Number(description.resources.memoryBytes) / 2 ** 30).toFixed(1)} GiB`
        : '',
    ],
    ['Engine', description?.engine?.engineVersion ?? ''],
    ['Engine labels', pairs(description?.engine?.labels)],
  ];
}
