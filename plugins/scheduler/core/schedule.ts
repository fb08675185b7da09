/**
 * The scheduler's stage of the turn: gives every pending task a node, or says why there is none.
 * Preassigned tasks come first. A reason is written only when it differs from the one that stands
 * there, so a task that cannot be placed costs no write until something changes.
 */
import type { ObjectRef, TurnInput, TurnResult } from '@swarmkit/sdk/contracts/reconciler';
import type { SchedulerFilter, SchedulerScorer } from '@swarmkit/sdk/contracts/scheduling';
import type { Draft } from '@swarmkit/sdk/contracts/store';
import { changedStatus } from '@swarmkit/sdk/model/task-status';
import type { Task } from '@swarmkit/sdk/wire/gen/swarmkit/objects';
import { TaskState } from '@swarmkit/sdk/wire/gen/swarmkit/types';
import { ClusterLoad, type NodeState } from './cluster-load.js';
import { type Group, isGroup, oldestFirst, pendingWork } from './pending-work.js';
import { Pipeline } from './pipeline.js';
import { spreadTree } from './spread-tree.js';

export interface Policies {
  /** In the order in which nodes are charged. */
  readonly filters: readonly SchedulerFilter[];
  /** In the order in which they decide. */
  readonly scorers: readonly SchedulerScorer[];
}

/** Places about `limit` tasks, of each group its share; those it does not come to are for the next turn. */
export function schedule(
  { draft, now, dirty }: TurnInput,
  policies: Policies,
  limit: number,
): TurnResult {
  const { unwanted, preassigned, groups } = pendingWork(draft, dirty);
  const cluster = new ClusterLoad(draft, now);
  const share = Math.ceil(limit / groups.length);
  const left: ObjectRef[] = [];
  const turn: Turn = { draft, now, policies, cluster, limit, share, left, placed: 0, told: 0 };
  for (const task of unwanted) shutDown(turn, task);
  let refused = preassigned;
  let unplaced = groups;
  let before: number;
  // Once more while something was placed and something is left: a contributed filter may want company.
  do {
    before = turn.placed;
    refused = refused.filter((task) => !confirm(turn, task));
    unplaced = placeGroups(turn, unplaced);
  } while (turn.placed > before && turn.placed < limit && refused.length + unplaced.length > 0);
  // Not all of them were looked at to the end, so nobody knows yet why one has no place.
  if (turn.placed >= limit)
    return { unfinished: [...left, ...again(turn, [...refused, ...unplaced.flat()])] };
  // Reasons come last: what was placed meanwhile is part of them, so they hold when they are told.
  for (const task of refused) explainRefusal(turn, task);
  for (const group of unplaced) explainGroup(turn, group);
  return { unfinished: left };
}

/** All that wait are looked at again when a node has changed, and to name one is shorter than to name them. */
function again(turn: Turn, waiting: readonly Task[]): readonly ObjectRef[] {
  const [first] = turn.cluster.nodes();
  return first === undefined || waiting.length <= 100
    ? waiting.map(refOf)
    : [{ kind: 'node', id: first.node.id }];
}

const refOf = ({ id }: Task): ObjectRef => ({ kind: 'task', id });

interface Turn {
  readonly draft: Draft;
  readonly now: number;
  readonly policies: Policies;
  readonly cluster: ClusterLoad;
  /** How many tasks may be given a node in this turn, and how many of one group in one go. */
  readonly limit: number;
  readonly share: number;
  /** For the next turn. */
  readonly left: ObjectRef[];
  /** How many tasks were given a node so far. */
  placed: number;
  /** How many others were told why not, or put to rest; no more than may be given a node. */
  told: number;
}

const pipelineOf = ({ policies }: Turn, task: Task): Pipeline =>
  new Pipeline(policies.filters, task);

/** It never ran and never will; whoever waits for it to stop need not. The reaper has the REMOVE ones. */
function shutDown(turn: Turn, task: Task): void {
  if (task.desiredState !== TaskState.SHUTDOWN) return;
  tell(turn, task, {
    status: changedStatus(task, turn.now, { state: TaskState.SHUTDOWN, err: '' }),
  });
}

function confirm(turn: Turn, task: Task): boolean {
  if (turn.placed >= turn.limit) return false;
  const node = turn.cluster.node(task.nodeId);
  if (node === undefined || !pipelineOf(turn, task).passes(node)) return false;
  assign(turn, task, node, 'scheduler confirmed task can run on preassigned node');
  return true;
}

/** What is left of the groups when everything that fits has its node. */
const placeGroups = (turn: Turn, groups: readonly Group[]): readonly Group[] =>
  groups.map((group) => placeGroup(turn, group)).filter(isGroup);

function placeGroup(turn: Turn, group: Group): readonly Task[] {
  // Its tree costs a look at every node.
  if (turn.placed >= turn.limit) return group;
  const { cluster, policies } = turn;
  const pipeline = pipelineOf(turn, group[0]);
  const tree = spreadTree(group[0], cluster.nodes(), pipeline, policies.scorers);
  if (tree.best() === undefined) return group;
  const room = Math.min(turn.share, turn.limit - turn.placed);
  const { first, rest } = oldestFirst(group, room);
  for (const [at, task] of first.entries()) {
    const node = tree.best();
    if (node === undefined) return [...first.slice(at), ...rest];
    assign(turn, task, node, 'scheduler assigned task to node');
    tree.placed();
  }
  return rest;
}

function explainGroup(turn: Turn, group: Group): void {
  if (isOutdated(turn, group[0])) return;
  const why = pipelineOf(turn, group[0]).explain(turn.cluster.nodes());
  const reason = why === '' ? 'no suitable node' : `no suitable node (${why})`;
  for (const [at, task] of group.entries()) {
    if (turn.told >= turn.limit) {
      turn.left.push(...again(turn, group.slice(at)));
      return;
    }
    explain(turn, task, reason);
  }
}

function explainRefusal(turn: Turn, task: Task): void {
  const node = turn.cluster.node(task.nodeId);
  // The orchestrator replaces tasks of nodes that are gone.
  if (node !== undefined) explain(turn, task, pipelineOf(turn, task).explain([node]));
}

/** Its service is gone, or has a newer spec: the orchestrator is about to replace it. */
function isOutdated(turn: Turn, task: Task): boolean {
  if (task.serviceId === '') return false;
  const service = turn.draft.get('service', task.serviceId);
  if (service === undefined) return true;
  return (
    service.specVersion !== undefined &&
    task.specVersion !== undefined &&
    service.specVersion.index > task.specVersion.index
  );
}

function assign(turn: Turn, task: Task, node: NodeState, message: string): void {
  turn.placed += 1;
  const assignedGenericResources = node.place(task);
  write(turn, task, {
    nodeId: node.node.id,
    assignedGenericResources,
    status: changedStatus(task, turn.now, { state: TaskState.ASSIGNED, message, err: '' }),
  });
}

function explain(turn: Turn, task: Task, reason: string): void {
  if (task.status?.err === reason) return;
  tell(turn, task, { status: changedStatus(task, turn.now, { err: reason }) });
}

function tell(turn: Turn, task: Task, change: Partial<Task>): void {
  if (turn.told >= turn.limit) {
    turn.left.push(refOf(task));
    return;
  }
  turn.told += 1;
  write(turn, task, change);
}

function write({ draft }: Turn, task: Task, change: Partial<Task>): void {
  draft.update('task', { ...task, ...change });
}
