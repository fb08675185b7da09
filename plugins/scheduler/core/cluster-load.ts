/**
 * What runs where, within one turn. Counts are the view's own, which keeps them as tasks come and go;
 * ports and generic resources are read when first asked for. Lives for one turn only, so there is nothing to
 * keep in step with the store.
 */
import type { NodeLoad } from '@swarmkit/sdk/contracts/scheduling';
import type { NodeTally, View } from '@swarmkit/sdk/contracts/store';
import { holdsResources, taskTime } from '@swarmkit/sdk/model/task';
import { timestampToMs } from '@swarmkit/sdk/model/time';
import type { Node, Task } from '@swarmkit/sdk/wire/gen/swarmkit/objects';
import type { GenericResource } from '@swarmkit/sdk/wire/gen/swarmkit/types';
import { hostPorts } from '@swarmkit/sdk/model/placement/host-port';
import { GenericStock } from '@swarmkit/sdk/model/placement/generic-stock';

/** How long a failed task speaks against its node. */
const failureMemoryMs = 5 * 60_000;

type CountByNode = Map<string, number>;

export class ClusterLoad {
  private all: readonly NodeState[] | undefined;
  private readonly byId = new Map<string, NodeState>();
  private readonly failures = new Map<string, CountByNode>();
  /** What was asked last: a group asks the same about every node. */
  private lastFailures: { readonly task: Task; readonly counts: CountByNode } | undefined;

  constructor(
    private readonly view: View,
    private readonly now: number,
  ) {}

  /** Every node, in the order of ids. */
  nodes(): readonly NodeState[] {
    this.all ??= this.view
      .find('node', { by: 'all' })
      .map((node) => this.stateOf(node))
      .sort((a, b) => (a.node.id < b.node.id ? -1 : 1));
    return this.all;
  }

  node(id: string): NodeState | undefined {
    const known = this.byId.get(id);
    if (known !== undefined) return known;
    const node = this.view.get('node', id);
    return node === undefined ? undefined : this.stateOf(node);
  }

  tasksOn(nodeId: string): readonly Task[] {
    return this.view.find('task', { by: 'node', id: nodeId });
  }

  tally(nodeId: string): NodeTally {
    return this.view.tally(nodeId);
  }

  /** Node id to tasks of this service and spec version that failed there lately. */
  failuresOf(task: Task): CountByNode {
    if (this.lastFailures?.task === task) return this.lastFailures.counts;
    const version = task.specVersion?.index;
    const key = `${task.serviceId}/${version}`;
    let counts = this.failures.get(key);
    if (counts === undefined) {
      counts = this.countFailures(task.serviceId, version);
      this.failures.set(key, counts);
    }
    this.lastFailures = { task, counts };
    return counts;
  }

  private countFailures(serviceId: string, version: bigint | undefined): CountByNode {
    const counts: CountByNode = new Map();
    if (serviceId === '') return counts;
    for (const task of this.view.find('task', { by: 'failed', serviceId })) {
      if (task.specVersion?.index !== version) continue;
      const failedAt = timestampToMs(taskTime(task)) ?? 0;
      if (failedAt > this.now - failureMemoryMs) countOne(counts, task.nodeId);
    }
    return counts;
  }

  private stateOf(node: Node): NodeState {
    let state = this.byId.get(node.id);
    if (state === undefined) {
      state = new NodeState(node, this);
      this.byId.set(node.id, state);
    }
    return state;
  }
}

/** One node. Cheap to make: its tasks are read only where ports or generic resources are asked about. */
export class NodeState implements NodeLoad {
  /** As the view has it; of what is placed here later, it is read again. */
  private known: NodeTally | undefined;
  private holders: readonly Task[] | undefined;
  private ports: Set<number> | undefined;
  private generic: GenericStock | undefined;

  constructor(
    readonly node: Node,
    private readonly cluster: ClusterLoad,
  ) {}

  get activeTasks(): number {
    return this.tally().active;
  }

  activeTasksOf(serviceId: string): number {
    return this.tally().activeOf(serviceId);
  }

  recentFailures(task: Task): number {
    const counts = this.cluster.failuresOf(task);
    return counts.size === 0 ? 0 : (counts.get(this.node.id) ?? 0);
  }

  get availableNanoCpus(): bigint {
    return (this.node.description?.resources?.nanoCpus ?? 0n) - this.tally().nanoCpus;
  }

  get availableMemoryBytes(): bigint {
    return (this.node.description?.resources?.memoryBytes ?? 0n) - this.tally().memoryBytes;
  }

  availableGeneric(kind: string): bigint {
    return this.stock().available(kind);
  }

  hostPortInUse(protocol: number, port: number): boolean {
    return this.hostPorts().has(portKey(protocol, port));
  }

  /**
   * Takes the task's ports, and hands out the generic resources it reserves. The caller writes the task
   * right after this: the view counts the rest.
   */
  place(task: Task): readonly GenericResource[] {
    const wanted = task.spec?.resources?.reservations?.generic ?? [];
    const claimed = wanted.length === 0 ? [] : this.stock().claim(wanted);
    if (this.ports !== undefined || hostPorts(task).length > 0) addPorts(this.hostPorts(), task);
    this.known = undefined;
    return claimed;
  }

  private tally(): NodeTally {
    this.known ??= this.cluster.tally(this.node.id);
    return this.known;
  }

  /** As the view had them at first; what is placed here meanwhile is added to ports and stock by `place`. */
  private tasks(): readonly Task[] {
    this.holders ??= this.cluster.tasksOn(this.node.id).filter(holdsResources);
    return this.holders;
  }

  private hostPorts(): Set<number> {
    if (this.ports === undefined) {
      this.ports = new Set();
      for (const task of this.tasks()) addPorts(this.ports, task);
    }
    return this.ports;
  }

  private stock(): GenericStock {
    this.generic ??= new GenericStock(
      this.node.description?.resources?.generic ?? [],
      this.tasks(),
    );
    return this.generic;
  }
}

function addPorts(ports: Set<number>, task: Task): void {
  for (const port of hostPorts(task)) ports.add(portKey(port.protocol, port.publishedPort));
}

const portKey = (protocol: number, port: number): number => protocol * 65_536 + port;

function countOne(counts: CountByNode, nodeId: string): void {
  counts.set(nodeId, (counts.get(nodeId) ?? 0) + 1);
}
