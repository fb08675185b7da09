/**
 * Where the next task of a group goes. Without placement preferences this is one leaf with all fit
 * nodes; each `spread` preference adds a level of branches, one for each value of its label.
 *
 * Always the branch with the fewest tasks of the service that has room, then the best node in it. One
 * task at a time, in O(log n), so that whatever a branch cannot take flows to the others by itself.
 * Tasks on nodes that fail the filters count for their branch: they are there, after all.
 */
import type { SchedulerScorer } from '@swarmkit/sdk/contracts/scheduling';
import type { Node, Task } from '@swarmkit/sdk/wire/gen/swarmkit/objects';
import type { NodeState } from './cluster-load.js';
import { Heap } from './heap.js';
import type { Pipeline } from './pipeline.js';

export interface SpreadTree {
  /** The node for the next task; undefined when there is no room left. */
  best(): NodeState | undefined;
  /** A task was placed on `best()`. */
  placed(): void;
}

export function spreadTree(
  task: Task,
  nodes: readonly NodeState[],
  pipeline: Pipeline,
  scorers: readonly SchedulerScorer[],
): SpreadTree {
  const levels = (task.spec?.placement?.preferences ?? [])
    .map((preference) => labelReader(preference.Preference?.value.spreadDescriptor ?? ''))
    .filter((reader) => reader !== undefined);
  const group = { task, pipeline, scorers };
  return new Tree(branch(group, nodes, levels));
}

interface Group {
  readonly task: Task;
  readonly pipeline: Pipeline;
  readonly scorers: readonly SchedulerScorer[];
}

interface Candidate {
  readonly node: NodeState;
  scores: readonly number[];
}

interface Branch {
  /** Active tasks of the service below. */
  readonly tasks: number;
  /** The best node with room below. */
  readonly best: Candidate | undefined;
  placed(): void;
}

class Tree implements SpreadTree {
  constructor(private readonly root: Branch) {}

  best(): NodeState | undefined {
    return this.root.best?.node;
  }

  placed(): void {
    this.root.placed();
  }
}

type LabelReader = (node: Node) => string;

function branch(
  group: Group,
  nodes: readonly NodeState[],
  [level, ...below]: readonly LabelReader[],
): Branch {
  if (level === undefined) return new Leaf(group, nodes);
  const values = new Map<string, NodeState[]>();
  for (const state of nodes) {
    const value = level(state.node);
    const sameValue = values.get(value);
    if (sameValue === undefined) values.set(value, [state]);
    else sameValue.push(state);
  }
  return new Fork([...values.values()].map((sameValue) => branch(group, sameValue, below)));
}

class Leaf implements Branch {
  tasks = 0;
  private readonly fit: Heap<Candidate>;

  constructor(
    private readonly group: Group,
    nodes: readonly NodeState[],
  ) {
    const fit: Candidate[] = [];
    for (const node of nodes) {
      this.tasks += node.activeTasksOf(group.task.serviceId);
      if (group.pipeline.passes(node)) fit.push({ node, scores: scoresOf(group, node) });
    }
    this.fit = new Heap(fit, isBetter);
  }

  get best(): Candidate | undefined {
    return this.fit.top;
  }

  placed(): void {
    this.fit.revise((candidate) => {
      this.tasks += 1;
      if (!this.group.pipeline.stillPasses(candidate.node)) return false;
      candidate.scores = scoresOf(this.group, candidate.node);
      return true;
    });
  }
}

class Fork implements Branch {
  tasks = 0;
  private readonly open: Heap<Branch>;

  constructor(children: readonly Branch[]) {
    for (const child of children) this.tasks += child.tasks;
    this.open = new Heap(
      children.filter((child) => child.best !== undefined),
      isEmptier,
    );
  }

  get best(): Candidate | undefined {
    return this.open.top?.best;
  }

  placed(): void {
    this.open.revise((child) => {
      this.tasks += 1;
      child.placed();
      return child.best !== undefined;
    });
  }
}

/** Branches with as many tasks are ordered by their best nodes, which also makes the order total. */
function isEmptier(a: Branch, b: Branch): boolean {
  if (a.tasks !== b.tasks) return a.tasks < b.tasks;
  return a.best !== undefined && (b.best === undefined || isBetter(a.best, b.best));
}

const scoresOf = ({ task, scorers }: Group, node: NodeState): readonly number[] =>
  scorers.map((scorer) => scorer.score(task, node));

function isBetter(a: Candidate, b: Candidate): boolean {
  for (const [i, score] of a.scores.entries()) {
    const other = b.scores[i];
    if (other !== undefined && score !== other) return score < other;
  }
  return a.node.node.id < b.node.node.id;
}

const NODE_LABELS = 'node.labels.';
const ENGINE_LABELS = 'engine.labels.';

/** Nodes without the label share the branch of the empty value. Other descriptors are ignored. */
function labelReader(descriptor: string): LabelReader | undefined {
  const folded = descriptor.toLowerCase();
  if (folded.startsWith(NODE_LABELS) && folded.length > NODE_LABELS.length) {
    const key = descriptor.slice(NODE_LABELS.length);
    return (node) => labelOf(node.spec?.annotations?.labels, key);
  }
  if (folded.startsWith(ENGINE_LABELS) && folded.length > ENGINE_LABELS.length) {
    const key = descriptor.slice(ENGINE_LABELS.length);
    return (node) => labelOf(node.description?.engine?.labels, key);
  }
  return undefined;
}

const labelOf = (labels: Readonly<Record<string, string>> | undefined, key: string): string =>
  labels !== undefined && Object.hasOwn(labels, key) ? String(labels[key]) : '';
