import type { Io } from '../io.js';
import { fields } from '../output/fields.js';
import type { Answer } from '../session.js';

export async function showInfo(answer: Answer, io: Io, socket: string): Promise<void> {
  const { nodeId, clusterId, role, certificateExpiresAt, managers } = await (
    await io.node(socket)
  ).info();
  const expires = new Date(Number(certificateExpiresAt)).toISOString();
  if (answer.json)
    answer.sayJson({ nodeId, clusterId, role, certificateExpires: expires, managers });
  else
    answer.say(
      fields([
        ['Node', nodeId],
        ['Role', role],
        ['Cluster', clusterId],
        ['Certificate until', expires],
        ['Other managers', managers.join(', ')],
      ]),
    );
}

export async function leave(io: Io, socket: string, force: boolean): Promise<void> {
  await (await io.node(socket)).leave(force);
  io.stdout.write(
    'This node has left the cluster; swarmd ends. Remove it there: swarmctl node rm.\n',
  );
}
