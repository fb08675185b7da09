/**
 * Facts about a task that several plugins need, as pure functions. The three tests of liveness differ
 * on purpose: each component of SwarmKit asks its own question, and the answers must not be mixed up.
 */
import type { Cluster, RestartBackoff, Service, Task } from '../wire/gen/swarmkit/objects.js';
import { Annotations, TaskState } from '../wire/gen/swarmkit/types.js';
import { DRAIN_DELAY_LABEL, spanLabel } from './service-label.js';
import { compareTimestamps, timestampFromMs } from './time.js';
import type { Timestamp } from '../wire/gen/google/protobuf/timestamp.js';

/** The observed state; NEW when there is no status yet. */
export const observedState = (task: Task): TaskState => task.status?.state ?? TaskState.NEW;

/** When the present status was taken in: the manager's clock where known, else the agent's. */
export const taskTime = (task: Task): Timestamp | undefined =>
  task.status?.appliedAt ?? task.status?.timestamp;

/** Oldest first; a task without a time comes first, equal times go by id. */
export const byTaskTime = (a: Task, b: Task): number =>
  compareTimestamps(taskTime(a), taskTime(b)) || (a.id < b.id ? -1 : a.id > b.id ? 1 : 0);

/** Wanted to run, as orchestrators and the updater ask: desired up to RUNNING. */
export const isWantedRunning = (task: Task): boolean => task.desiredState <= TaskState.RUNNING;

/** Wanted to run or to finish, as job reconcilers, scheduler counts and enforcers ask: desired up to COMPLETE. */
export const isWantedActive = (task: Task): boolean => task.desiredState <= TaskState.COMPLETE;

/** Placed and not past RUNNING, whatever is desired: a stopping task still holds its reservation. */
export const holdsResources = (task: Task): boolean =>
  task.nodeId !== '' &&
  observedState(task) >= TaskState.ASSIGNED &&
  observedState(task) <= TaskState.RUNNING;

/** Observed past RUNNING: it will never run again. */
export const isTerminal = (task: Task): boolean => observedState(task) > TaskState.RUNNING;

/** Not handed to a node and no longer wanted: it will never run at all. */
export const willNeverRun = (task: Task): boolean =>
  observedState(task) < TaskState.ASSIGNED && task.desiredState > TaskState.RUNNING;

/** It ended with an error, or was refused. */
export const hasFailed = (task: Task): boolean =>
  observedState(task) === TaskState.FAILED || observedState(task) === TaskState.REJECTED;

/** Of no service: a container that was started by hand on its node, and the networks that it is to be on. */
export const isAttachment = (task: Task): boolean => task.spec?.runtime?.$case === 'attachment';

/** Uses its networks: wanted and observed up to RUNNING. */
export const isInUse = (task: Task): boolean => isWantedRunning(task) && !isTerminal(task);

/** How long it is left alone, without new connections, once it is to stop. */
export const drainDelayMs = (task: Task): number =>
  spanLabel(task.serviceAnnotations, DRAIN_DELAY_LABEL) ?? 0;

/**
 * New connections may go to it: it is wanted, runs, and its health check said so, where it has one. False
 * from the very commit that tells it to stop, which is before its node learns of it.
 */
export const takesConnections = (task: Task): boolean =>
  isWantedActive(task) &&
  observedState(task) === TaskState.RUNNING &&
  task.status?.drainUntil === undefined;

/** One slot of a service: a number for replicated services and jobs, a node for global ones. */
export interface Slot {
  readonly serviceId: string;
  /** 0n for global services. */
  readonly slot: bigint;
  /** Empty for replicated services. */
  readonly nodeId: string;
}

/** Global services and global jobs have one slot a node. */
export const isGlobal = (service: Service): boolean =>
  service.spec?.mode?.$case === 'global' || service.spec?.mode?.$case === 'globalJob';

export const isJob = (service: Service): boolean =>
  service.spec?.mode?.$case === 'replicatedJob' || service.spec?.mode?.$case === 'globalJob';

/** The slot of a task of this service. */
export const slotOf = (service: Service, task: Task): Slot =>
  isGlobal(service)
    ? { serviceId: service.id, slot: 0n, nodeId: task.nodeId }
    : { serviceId: service.id, slot: task.slot, nodeId: '' };

/** A map key for a slot. */
export const slotKey = (slot: Slot): string =>
  slot.nodeId === '' ? `${slot.serviceId}#${slot.slot}` : `${slot.serviceId}@${slot.nodeId}`;

/** The task's own name, else `<service>.<slot>.<task id>`, where slot 0 shows the node instead. */
export function taskName(task: Task): string {
  const own = task.annotations?.name ?? '';
  if (own !== '') return own;
  const place = task.slot === 0n ? task.nodeId : task.slot.toString();
  return `${task.serviceAnnotations?.name ?? ''}.${place}.${task.id}`;
}

export interface NewTask {
  readonly id: string;
  /** Wall clock, ms. */
  readonly now: number;
  /** The service's slot number; 0n (the default) for global services. */
  readonly slot?: bigint;
  /** Only for global services and global jobs, whose tasks are tied to a node from birth. */
  readonly nodeId?: string;
  /** Default RUNNING. READY: prepare and wait for release; COMPLETE: a job. */
  readonly desiredState?: TaskState;
  /** Where it replaces one that keeps failing. */
  readonly restartBackoff?: RestartBackoff | undefined;
  /** Gives the default log driver. */
  readonly cluster?: Cluster | undefined;
}

/** Shared by all new tasks: most of them never get their own. */
const none: readonly never[] = Object.freeze([]);
const noAnnotations = Object.freeze(Annotations.fromPartial({}));

/** A new task of a service: NEW, `created`, with the service's present spec. */
export function newTask(service: Service, options: NewTask): Task {
  return {
    id: options.id,
    meta: undefined,
    spec: service.spec?.task,
    serviceId: service.id,
    slot: options.slot ?? 0n,
    nodeId: options.nodeId ?? '',
    annotations: noAnnotations,
    serviceAnnotations: service.spec?.annotations,
    status: {
      timestamp: timestampFromMs(options.now),
      state: TaskState.NEW,
      message: 'created',
      err: '',
      runtimeStatus: undefined,
      portStatus: undefined,
      appliedBy: '',
      appliedAt: undefined,
      runningSince: undefined,
      drainUntil: undefined,
    },
    desiredState: options.desiredState ?? TaskState.RUNNING,
    networks: none,
    endpoint:
      service.spec?.endpoint === undefined
        ? undefined
        : { spec: service.spec.endpoint, ports: none, virtualIps: none },
    logDriver:
      service.spec?.task?.logDriver ?? options.cluster?.spec?.taskDefaults?.logDriver ?? undefined,
    specVersion: service.specVersion,
    assignedGenericResources: none,
    jobIteration: isJob(service) ? service.jobStatus?.jobIteration : undefined,
    volumes: none,
    restartBackoff: options.restartBackoff,
  };
}
