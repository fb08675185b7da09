/**
 * What the scheduler's built-in filters say of each node for one task, from what the Control API lists. The
 * judgement is the scheduler's own. What filters say that plugins contributed, the leader is asked for.
 */
import type { NodeLoad, SchedulerFilter } from '@swarmkit/sdk/contracts/scheduling';
import { meetsConstraints, parseConstraintsOrNone } from '@swarmkit/sdk/model/constraint';
import { builtInFilters } from '@swarmkit/sdk/model/placement/built-in-filters';
import { GenericStock } from '@swarmkit/sdk/model/placement/generic-stock';
import { hostPorts } from '@swarmkit/sdk/model/placement/host-port';
import { holdsResources, isTerminal, isWantedActive } from '@swarmkit/sdk/model/task';
import type { Node, Task } from '@swarmkit/sdk/wire/gen/swarmkit/objects';
import { NodeSpec_Availability } from '@swarmkit/sdk/wire/gen/swarmkit/specs';
import { NodeStatus_State } from '@swarmkit/sdk/wire/gen/swarmkit/types';
import { availability, nodeState } from '../output/names.js';
import { cpuText, sizeText } from '../output/size.js';

export interface Verdict {
  readonly node: Node;
  /** One for each filter that the node fails, the one that the scheduler names first; none: it fits. */
  readonly against: readonly string[];
}

/** `contributed`: what the leader told, by node id. */
export function verdicts(
  task: Task,
  nodes: readonly Node[],
  tasks: readonly Task[],
  contributed: ReadonlyMap<string, readonly string[]> = new Map(),
): readonly Verdict[] {
  const filters = builtInFilters.filter((filter) => filter.applies(task));
  return nodes.map((node) => {
    const load = new ListedLoad(
      node,
      tasks.filter((one) => one.nodeId === node.id),
    );
    const against = filters
      .filter((filter) => !filter.passes(task, load))
      .map((filter) => reason(filter, task, load));
    return { node, against: [...against, ...(contributed.get(node.id) ?? [])] };
  });
}

/** Of one node it can be told what exactly is in the way. */
function reason(filter: SchedulerFilter, task: Task, load: ListedLoad): string {
  const { node } = load;
  switch (filter.id) {
    case 'ready':
      return node.status?.state === NodeStatus_State.READY
        ? `takes no new tasks (${availability(node.spec?.availability ?? NodeSpec_Availability.ACTIVE).toLowerCase()})`
        : `is ${nodeState(node.status?.state ?? NodeStatus_State.UNKNOWN).toLowerCase()}`;
    case 'resources':
      return `not enough left: ${load.leftText(task)}`;
    case 'constraints':
      return `does not meet ${(task.spec?.placement?.constraints ?? [])
        .filter((one) => !meetsConstraints(node, parseConstraintsOrNone([one])))
        .join(' and ')}`;
    case 'platform': {
      const { os = '', architecture = '' } = node.description?.platform ?? {};
      return `is of another platform (${os}/${architecture})`;
    }
    case 'host-port':
      return `port ${hostPorts(task)
        .filter((port) => load.hostPortInUse(port.protocol, port.publishedPort))
        .map((port) => port.publishedPort)
        .join(', ')} is in use there`;
    case 'max-replicas':
      return `has ${load.activeTasksOf(task.serviceId)} tasks of the service already`;
    default:
      return filter.explain(1);
  }
}

class ListedLoad implements NodeLoad {
  private readonly active: readonly Task[];
  private readonly holders: readonly Task[];

  constructor(
    readonly node: Node,
    tasks: readonly Task[],
  ) {
    this.active = tasks.filter((task) => isWantedActive(task) && !isTerminal(task));
    this.holders = tasks.filter(holdsResources);
  }

  get activeTasks(): number {
    return this.active.length;
  }

  activeTasksOf(serviceId: string): number {
    return this.active.filter((task) => task.serviceId === serviceId).length;
  }

  /** Decides among nodes that fit, and no filter asks for it. */
  recentFailures(): number {
    return 0;
  }

  get availableNanoCpus(): bigint {
    const has = this.node.description?.resources?.nanoCpus ?? 0n;
    return this.holders.reduce((left, task) => left - (reserved(task)?.nanoCpus ?? 0n), has);
  }

  get availableMemoryBytes(): bigint {
    const has = this.node.description?.resources?.memoryBytes ?? 0n;
    return this.holders.reduce((left, task) => left - (reserved(task)?.memoryBytes ?? 0n), has);
  }

  availableGeneric(kind: string): bigint {
    const has = this.node.description?.resources?.generic ?? [];
    return new GenericStock(has, this.holders).available(kind);
  }

  hostPortInUse(protocol: number, port: number): boolean {
    return this.holders.some((task) =>
      hostPorts(task).some((one) => one.protocol === protocol && one.publishedPort === port),
    );
  }

  /** Of what the task reserves. */
  leftText(task: Task): string {
    const wanted = reserved(task);
    const kinds = (wanted?.generic ?? []).flatMap(({ resource }) => resource?.value.kind ?? []);
    return [
      (wanted?.nanoCpus ?? 0n) > 0n ? cpuText(this.availableNanoCpus) : '',
      (wanted?.memoryBytes ?? 0n) > 0n ? sizeText(this.availableMemoryBytes) : '',
      ...kinds.map((kind) => `${kind}=${this.availableGeneric(kind)}`),
    ]
      .filter((text) => text !== '')
      .join(', ');
  }
}

const reserved = (task: Task) => task.spec?.resources?.reservations;
