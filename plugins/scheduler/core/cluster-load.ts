/**
 * What runs where, as counted within one turn: read from the view when first asked for, then kept up
 * with each placement. Lives for one turn only, so there is nothing to keep in step with the store.
 */
import type { NodeLoad } from '@swarmkit/sdk/contracts/scheduling';
import type { View } from '@swarmkit/sdk/contracts/store';
import { holdsResources, isWantedActive, observedState, taskTime } from '@swarmkit/sdk/model/task';
import { timestampToMs } from '@swarmkit/sdk/model/time';
import type { Node, Task } from '@swarmkit/sdk/wire/gen/swarmkit/objects';
import { type GenericResource, TaskState } from '@swarmkit/sdk/wire/gen/swarmkit/types';
import { hostPorts } from './filters/host-port.js';
import { GenericStock } from './generic-stock.js';

/** How long a failed task speaks against its node. */
const failureMemoryMs = 5 * 60_000;

type CountByNode = Map<string, number>;

export class ClusterLoad {
  private all: readonly NodeState[] | undefined;
  private readonly byId = new Map<string, NodeState>();
  private readonly active = new Map<string, CountByNode>();
  private readonly failures = new Map<string, CountByNode>();
  /** What was asked last: a group asks the same about every node. */
  private lastActive: { readonly serviceId: string; readonly counts: CountByNode } | undefined;
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

  /** Node id to active tasks of the service there. */
  activeOf(serviceId: string): CountByNode {
    if (this.lastActive?.serviceId === serviceId) return this.lastActive.counts;
    let counts = this.active.get(serviceId);
    if (counts === undefined) {
      counts = this.countActive(serviceId);
      this.active.set(serviceId, counts);
    }
    this.lastActive = { serviceId, counts };
    return counts;
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

  private countActive(serviceId: string): CountByNode {
    const counts: CountByNode = new Map();
    for (const task of this.view.find('task', { by: 'service', id: serviceId }))
      if (isActive(task)) countOne(counts, task.nodeId);
    return counts;
  }

  private countFailures(serviceId: string, version: bigint | undefined): CountByNode {
    const counts: CountByNode = new Map();
    if (serviceId === '') return counts;
    for (const task of this.view.find('task', { by: 'service', id: serviceId })) {
      const state = observedState(task);
      if (state !== TaskState.FAILED && state !== TaskState.REJECTED) continue;
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

/** One node. Cheap to make: its tasks are read when a filter or scorer first asks about them. */
export class NodeState implements NodeLoad {
  private usage: Usage | undefined;
  private ports: Set<number> | undefined;
  private generic: GenericStock | undefined;

  constructor(
    readonly node: Node,
    private readonly cluster: ClusterLoad,
  ) {}

  get activeTasks(): number {
    return this.used().active;
  }

  activeTasksOf(serviceId: string): number {
    const counts = this.cluster.activeOf(serviceId);
    return counts.size === 0 ? 0 : (counts.get(this.node.id) ?? 0);
  }

  recentFailures(task: Task): number {
    const counts = this.cluster.failuresOf(task);
    return counts.size === 0 ? 0 : (counts.get(this.node.id) ?? 0);
  }

  get availableNanoCpus(): bigint {
    return (this.node.description?.resources?.nanoCpus ?? 0n) - this.used().nanoCpus;
  }

  get availableMemoryBytes(): bigint {
    return (this.node.description?.resources?.memoryBytes ?? 0n) - this.used().memoryBytes;
  }

  availableGeneric(kind: string): bigint {
    return this.stock().available(kind);
  }

  hostPortInUse(protocol: number, port: number): boolean {
    return this.hostPorts().has(portKey(protocol, port));
  }

  /**
   * Counts a task that is about to be placed here, before the view shows it, and hands out the generic
   * resources it reserves.
   */
  place(task: Task): readonly GenericResource[] {
    const usage = this.used();
    const counts = this.cluster.activeOf(task.serviceId);
    const wanted = task.spec?.resources?.reservations?.generic ?? [];
    const claimed = wanted.length === 0 ? [] : this.stock().claim(wanted);
    if (this.ports !== undefined || hostPorts(task).length > 0) addPorts(this.hostPorts(), task);
    addUsage(usage, task);
    if (isWantedActive(task)) {
      usage.active += 1;
      countOne(counts, this.node.id);
    }
    return claimed;
  }

  private used(): Usage {
    if (this.usage === undefined) {
      const usage = {
        active: 0,
        nanoCpus: 0n,
        memoryBytes: 0n,
        tasks: this.cluster.tasksOn(this.node.id).filter(holdsResources),
      };
      for (const task of usage.tasks) {
        if (isWantedActive(task)) usage.active += 1;
        addUsage(usage, task);
      }
      this.usage = usage;
    }
    return this.usage;
  }

  private hostPorts(): Set<number> {
    if (this.ports === undefined) {
      this.ports = new Set();
      for (const task of this.used().tasks) addPorts(this.ports, task);
    }
    return this.ports;
  }

  private stock(): GenericStock {
    this.generic ??= new GenericStock(
      this.node.description?.resources?.generic ?? [],
      this.used().tasks,
    );
    return this.generic;
  }
}

interface Usage {
  active: number;
  nanoCpus: bigint;
  memoryBytes: bigint;
  /** As the view had them; tasks placed in this turn are counted, not listed. */
  readonly tasks: readonly Task[];
}

/** Most tasks reserve nothing; adding zeros to big integers would cost more than all the rest. */
function addUsage(usage: Usage, task: Task): void {
  const reserved = task.spec?.resources?.reservations;
  if (reserved === undefined) return;
  usage.nanoCpus += reserved.nanoCpus;
  usage.memoryBytes += reserved.memoryBytes;
}

function addPorts(ports: Set<number>, task: Task): void {
  for (const port of hostPorts(task)) ports.add(portKey(port.protocol, port.publishedPort));
}

const portKey = (protocol: number, port: number): number => protocol * 65_536 + port;

function countOne(counts: CountByNode, nodeId: string): void {
  counts.set(nodeId, (counts.get(nodeId) ?? 0) + 1);
}

const isActive = (task: Task): boolean => holdsResources(task) && isWantedActive(task);
