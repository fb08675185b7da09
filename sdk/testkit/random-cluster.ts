/**
 * Random events in a small cluster, as data: what users, agents and other stages may do to the store
 * between two runs of a stage. Task states only go forward, as they do in life.
 */
import fc from 'fast-check';
import type { Draft, Writer } from '../contracts/store.js';
import { timestampFromMs } from '../model/time.js';
import type { Node, Service, Task } from '../wire/gen/swarmkit/objects.js';
import { NodeSpec_Availability, type ServiceSpec } from '../wire/gen/swarmkit/specs.js';
import {
  NodeStatus_State,
  RestartPolicy_RestartCondition,
  TaskState,
} from '../wire/gen/swarmkit/types.js';
import type { FakeStore } from './fake-store.js';
import { aCluster, aNode, aService, aTaskOf } from './fixtures.js';

export type ClusterEvent =
  | {
      readonly do: 'service';
      readonly service: number;
      readonly mode: 'replicated' | 'global' | 'replicatedJob' | 'globalJob';
      readonly replicas: number;
      readonly condition: RestartPolicy_RestartCondition;
      readonly maxAttempts: number;
      readonly delayMs: number;
    }
  | { readonly do: 'removeService'; readonly service: number }
  | {
      readonly do: 'node';
      readonly node: number;
      readonly state: NodeStatus_State;
      readonly availability: NodeSpec_Availability;
    }
  | { readonly do: 'removeNode'; readonly node: number }
  | {
      readonly do: 'task';
      readonly task: number;
      readonly service: number;
      readonly slot: number;
      readonly node: number;
      readonly state: TaskState;
      readonly desired: TaskState;
    }
  | { readonly do: 'progress'; readonly task: number; readonly state: TaskState }
  | { readonly do: 'desire'; readonly task: number; readonly desired: TaskState }
  | { readonly do: 'historyLimit'; readonly limit: number }
  | { readonly do: 'time'; readonly ms: number };

const observed = [
  TaskState.NEW,
  TaskState.PENDING,
  TaskState.ASSIGNED,
  TaskState.READY,
  TaskState.RUNNING,
  TaskState.COMPLETE,
  TaskState.FAILED,
  TaskState.REJECTED,
  TaskState.ORPHANED,
];
const desired = [TaskState.READY, TaskState.RUNNING, TaskState.SHUTDOWN, TaskState.REMOVE];
const service = fc.nat({ max: 1 });
const node = fc.nat({ max: 2 });
const task = fc.nat({ max: 15 });

export const clusterEvent: fc.Arbitrary<ClusterEvent> = fc.oneof(
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constant('service' as const),
      service,
      mode: fc.constantFrom('replicated', 'replicated', 'global', 'replicatedJob', 'globalJob'),
      replicas: fc.nat({ max: 3 }),
      condition: fc.constantFrom(
        RestartPolicy_RestartCondition.NONE,
        RestartPolicy_RestartCondition.ON_FAILURE,
        RestartPolicy_RestartCondition.ANY,
      ),
      maxAttempts: fc.nat({ max: 2 }),
      delayMs: fc.constantFrom(0, 1000, 5000),
    }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('removeService' as const), service }) },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant('node' as const),
      node,
      state: fc.constantFrom(NodeStatus_State.READY, NodeStatus_State.READY, NodeStatus_State.DOWN),
      availability: fc.constantFrom(
        NodeSpec_Availability.ACTIVE,
        NodeSpec_Availability.ACTIVE,
        NodeSpec_Availability.PAUSE,
        NodeSpec_Availability.DRAIN,
      ),
    }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('removeNode' as const), node }) },
  {
    weight: 8,
    arbitrary: fc.record({
      do: fc.constant('task' as const),
      task,
      // 2 has no service, 3 has none even in name.
      service: fc.constantFrom(0, 0, 0, 1, 1, 2, 3),
      slot: fc.integer({ min: 1, max: 2 }),
      node: fc.nat({ max: 3 }),
      state: fc.constantFrom(...observed),
      desired: fc.constantFrom(...desired),
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constant('progress' as const),
      task: fc.nat(),
      state: fc.constantFrom(...observed),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant('desire' as const),
      task: fc.nat(),
      desired: fc.constantFrom(...desired),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant('historyLimit' as const),
      limit: fc.constantFrom(-1, 0, 1, 2),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constant('time' as const),
      ms: fc.constantFrom(1, 999, 1000, 5000, 60_000),
    }),
  },
);

const world: Writer = { id: 'world', writes: ['any'] };
const serviceId = (n: number): string => `service${n}`;
const nodeId = (n: number): string => `node${n}`;

/** Lets it happen. `time` is the caller's: it does nothing here. */
export function happen(store: FakeStore, event: ClusterEvent, now: number): void {
  store.updateNow(world, (draft) => change(draft, event, now));
}

function change(draft: Draft, event: ClusterEvent, now: number): void {
  switch (event.do) {
    case 'service': {
      const before = draft.get('service', serviceId(event.service));
      const after = serviceOf(event, before, draft.index);
      if (before === undefined) draft.create('service', after);
      else draft.update('service', after);
      return;
    }
    case 'removeService':
      if (draft.get('service', serviceId(event.service)) !== undefined)
        draft.remove('service', serviceId(event.service));
      return;
    case 'node': {
      const before = draft.get('node', nodeId(event.node));
      const after: Node = aNode({
        id: nodeId(event.node),
        meta: before?.meta,
        spec: { availability: event.availability },
        status: { state: event.state },
      });
      if (before === undefined) draft.create('node', after);
      else draft.update('node', after);
      return;
    }
    case 'removeNode':
      if (draft.get('node', nodeId(event.node)) !== undefined)
        draft.remove('node', nodeId(event.node));
      return;
    case 'task': {
      const id = `task${event.task}`;
      const owner = draft.get('service', serviceId(event.service));
      if (draft.get('task', id) === undefined) draft.create('task', taskOf(event, id, owner, now));
      return;
    }
    case 'progress': {
      const before = pick(draft, event.task);
      if (before?.status === undefined || before.status.state >= event.state) return;
      const at = timestampFromMs(now);
      const runningSince =
        before.status.runningSince ?? (event.state === TaskState.RUNNING ? at : undefined);
      const stamps = { timestamp: at, appliedAt: at, runningSince };
      const status = { ...before.status, state: event.state, ...stamps };
      draft.update('task', { ...before, status });
      return;
    }
    case 'desire': {
      const before = pick(draft, event.task);
      if (before === undefined || before.desiredState >= event.desired) return;
      draft.update('task', { ...before, desiredState: event.desired });
      return;
    }
    case 'historyLimit': {
      const [before] = draft.find('cluster', { by: 'all' });
      const spec = { orchestration: { taskHistoryRetentionLimit: BigInt(event.limit) } };
      if (before === undefined) draft.create('cluster', aCluster({ id: 'cluster', spec }));
      else draft.update('cluster', aCluster({ id: 'cluster', meta: before.meta, spec }));
      return;
    }
    case 'time':
      return;
  }
}

const pick = (draft: Draft, at: number): Task | undefined => {
  const tasks = draft.find('task', { by: 'all' });
  return tasks[at % Math.max(1, tasks.length)];
};

function serviceOf(
  event: Extract<ClusterEvent, { do: 'service' }>,
  before: Service | undefined,
  index: bigint,
): Service {
  const made = aService({
    id: serviceId(event.service),
    meta: before?.meta,
    spec: {
      mode: modeOf(event),
      task: {
        runtime: { $case: 'container', value: { image: 'busybox:latest' } },
        restart: {
          condition: event.condition,
          maxAttempts: BigInt(event.maxAttempts),
          delay: { seconds: BigInt(event.delayMs) / 1000n, nanos: 0 },
        },
      },
    },
    specVersion: { index },
    jobStatus: event.mode.endsWith('Job') ? { jobIteration: { index: 0n } } : undefined,
  });
  // The mode of a service never changes.
  return before?.spec === undefined || made.spec === undefined
    ? made
    : { ...made, spec: { ...made.spec, mode: before.spec.mode }, jobStatus: before.jobStatus };
}

function modeOf({
  mode,
  replicas,
}: Extract<ClusterEvent, { do: 'service' }>): NonNullable<ServiceSpec['mode']> {
  const count = BigInt(replicas);
  switch (mode) {
    case 'replicated':
      return { $case: mode, value: { replicas: count } };
    case 'replicatedJob':
      return { $case: mode, value: { totalCompletions: count, maxConcurrent: 2n } };
    default:
      return { $case: mode, value: {} };
  }
}

function taskOf(
  event: Extract<ClusterEvent, { do: 'task' }>,
  id: string,
  owner: Service | undefined,
  now: number,
): Task {
  const mode = owner?.spec?.mode?.$case;
  const global = mode === 'global' || mode === 'globalJob';
  const onNode = global || event.state >= TaskState.ASSIGNED;
  return aTaskOf(owner ?? aService({ id: event.service === 3 ? '' : serviceId(event.service) }), {
    id,
    slot: global ? 0n : BigInt(event.slot),
    nodeId: onNode ? nodeId(event.node) : '',
    status: { state: event.state, timestamp: timestampFromMs(now) },
    desiredState: event.desired,
  });
}
