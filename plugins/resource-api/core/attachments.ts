/**
 * A container that somebody started by hand on a node, on a network of the cluster: a task of that node without
 * a service. Its address comes on the road of all tasks; here it is only made and removed, and only by its node.
 */
import type { Draft, View } from '@swarmkit/sdk/contracts/store';
import { isAttachment } from '@swarmkit/sdk/model/task';
import { changedStatus } from '@swarmkit/sdk/model/task-status';
import { type Network, Task } from '@swarmkit/sdk/wire/gen/swarmkit/objects';
import type {
  AttachNetworkRequest,
  DetachNetworkRequest,
} from '@swarmkit/sdk/wire/gen/swarmkit/resource';
import { TaskState } from '@swarmkit/sdk/wire/gen/swarmkit/types';
import { invalidArgument, notAttachable, notFound, notYours } from './refusals.js';

export interface AttachContext {
  readonly draft: Draft;
  /** Of the node that asks, by its certificate. */
  readonly nodeId: string;
}

/** Answers the id of the task. `now`: wall clock, ms. */
export function attachNetwork(
  { draft, nodeId }: AttachContext,
  { config, containerId }: AttachNetworkRequest,
  now: number,
  id: string,
): string {
  const target = config?.target ?? '';
  if (config === undefined || target === '' || containerId === '') throw invalidArgument();
  // A task of a node that was removed would hold its address for ever.
  if (draft.get('node', nodeId) === undefined) throw notFound('node', nodeId);
  const network = networkCalled(draft, target);
  if (network === undefined) throw notFound('network', target);
  if (network.spec?.attachable !== true) throw notAttachable(target);
  const task = Task.fromPartial({
    id,
    nodeId,
    spec: {
      runtime: { $case: 'attachment', value: { containerId } },
      // Aliases are the container's own, and its engine keeps them.
      networks: [{ target: network.id, addresses: config.addresses }],
    },
    annotations: {},
    serviceAnnotations: {},
    desiredState: TaskState.RUNNING,
  });
  const status = changedStatus(task, now, { state: TaskState.NEW, message: 'created' });
  draft.create('task', { ...task, status });
  return id;
}

/** Its address is free at once: the engine asks when the container has left the network. */
export function detachNetwork(
  { draft, nodeId }: AttachContext,
  { attachmentId }: DetachNetworkRequest,
): void {
  if (attachmentId === '') throw invalidArgument();
  const task = draft.get('task', attachmentId);
  // A task of a service is its orchestrator's, also where its own node asks.
  if (task === undefined || !isAttachment(task)) throw notFound('attachment', attachmentId);
  if (task.nodeId !== nodeId) throw notYours(attachmentId);
  draft.remove('task', attachmentId);
}

/** An id counts before a name; names of networks are unique. */
const networkCalled = (view: View, target: string): Network | undefined =>
  view.get('network', target) ?? view.find('network', { by: 'name', value: target })[0];
