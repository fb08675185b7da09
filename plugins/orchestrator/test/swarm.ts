/**
 * A small cluster without processes: the orchestrator on a fake store, a clock that moves when told,
 * and hands that play users, scheduler, agents and reaper. Each run is done on copies too: looking at
 * everything instead of what is dirty must plan the same, and once more afterwards must plan nothing.
 * So every test is also a test of precise dirty sets, of determinism and of idempotence.
 */
import assert from 'node:assert/strict';
import type { Reconciler } from '@swarmkit/sdk/contracts/reconciler';
import type { Change, Draft, SlotTally, Writer } from '@swarmkit/sdk/contracts/store';
import { secondOf } from '@swarmkit/sdk/model/quiet-slot';
import { observedState, willNeverRun } from '@swarmkit/sdk/model/task';
import { timestampFromMs } from '@swarmkit/sdk/model/time';
import { FakeStore } from '@swarmkit/sdk/testkit/fake-store';
import {
  aNode,
  aService,
  describeTask,
  fixtureTime,
  type Partially,
} from '@swarmkit/sdk/testkit/fixtures';
import { runStage, type StageRun, StageRunner } from '@swarmkit/sdk/testkit/run-stage';
import type { Node, Service, Task } from '@swarmkit/sdk/wire/gen/swarmkit/objects';
import {
  NodeSpec_Availability,
  type ServiceSpec,
  type TaskSpec,
} from '@swarmkit/sdk/wire/gen/swarmkit/specs';
import {
  NodeStatus_State,
  TaskState,
  UpdateStatus_UpdateState,
} from '@swarmkit/sdk/wire/gen/swarmkit/types';
import { Orchestrator } from '../shell/orchestrator.js';

export const anyone: Writer = { id: 'test', writes: ['any'] };

export class Swarm {
  now = fixtureTime;
  private made = 0;
  readonly store = new FakeStore({ now: () => this.now });
  readonly orchestrator: Orchestrator;
  private runner: StageRunner;

  constructor(...nodeIds: string[]) {
    this.orchestrator = new Orchestrator(this.limit);
    this.runner = new StageRunner(this.store, this.orchestrator);
    for (const id of nodeIds) this.addNode({ id });
  }

  // Users.

  addNode(overrides: Partially<Node>): Node {
    return this.write((draft) => draft.create('node', aNode(overrides)));
  }

  addService(id: string, spec: Partially<ServiceSpec> = {}): Service {
    const service = aService({
      id,
      spec,
      specVersion: { index: 1n },
      ...(isJobMode(spec) ? { jobStatus: { jobIteration: { index: 0n } } } : {}),
    });
    return this.write((draft) => draft.create('service', service));
  }

  /** As the control API does: the version moves on, the old spec is kept, the status is cleared. */
  updateService(id: string, change: (spec: ServiceSpec) => ServiceSpec): Service {
    return this.write((draft) => {
      const service = draft.get('service', id)!;
      return draft.update('service', {
        ...service,
        spec: change(service.spec!),
        specVersion: service.meta!.version,
        previousSpec: service.spec,
        previousSpecVersion: service.specVersion,
        updateStatus: undefined,
        jobStatus:
          service.jobStatus === undefined
            ? undefined
            : {
                ...service.jobStatus,
                jobIteration: { index: (service.jobStatus.jobIteration?.index ?? 0n) + 1n },
              },
      });
    });
  }

  scale(id: string, replicas: number): void {
    const mode = { $case: 'replicated', value: { replicas: BigInt(replicas) } } as const;
    this.updateService(id, (spec) => ({ ...spec, mode }));
  }

  setImage(id: string, image: string): void {
    this.updateService(id, (spec) => withImage(spec, image));
  }

  remove(kind: 'service' | 'node' | 'task', id: string): void {
    this.write((draft) => draft.remove(kind, id));
  }

  /** As the control API does: what was on the node is orphaned. */
  removeNode(id: string): void {
    for (const task of this.store.view().find('task', { by: 'node', id }))
      if (observedState(task) < TaskState.COMPLETE) this.observe(task.id, TaskState.ORPHANED);
    this.remove('node', id);
  }

  setAvailability(id: string, availability: NodeSpec_Availability): void {
    this.changeNode(id, (node) => ({ ...node, spec: { ...node.spec!, availability } }));
  }

  setNodeState(id: string, state: NodeStatus_State): void {
    this.changeNode(id, (node) => ({ ...node, status: { ...node.status!, state } }));
  }

  setLabel(id: string, name: string, value: string): void {
    this.changeNode(id, (node) => ({
      ...node,
      spec: {
        ...node.spec!,
        annotations: { ...node.spec!.annotations!, labels: { [name]: value } },
      },
    }));
  }

  changeNode(id: string, change: (node: Node) => Node): void {
    this.write((draft) => draft.update('node', change(draft.get('node', id)!)));
  }

  // The leader.

  /** Changes a run. */
  protected get limit(): number {
    return 500;
  }

  /** One run with precise dirty sets. */
  run(): StageRun {
    const twin = this.store.fork();
    const ids = this.made;
    const expected = runStage(twin, this.orchestrator, { now: this.now, id: this.idsFrom(ids) });
    const whole = runStage(this.store.fork(), readingAll(this.orchestrator), { now: this.now });
    const result = this.runner.run({ now: this.now, id: this.idsFrom(ids) });
    assert.deepEqual(result.changes, expected.changes, 'looking at everything plans otherwise');
    assert.deepEqual(
      canonical(result.changes),
      canonical(whole.changes),
      'reading all slots plans otherwise',
    );
    const again = runStage(this.store.fork(), this.orchestrator, { now: this.now });
    assert.deepEqual(
      again.changes.map(({ kind, id, action }) => `${action} ${kind} ${id}`),
      [],
      'a second run finds more to do',
    );
    // Of slots that it need not read a run knows the second alone, and looks at its beginning.
    const early = secondOf(result.wakeAt ?? Infinity) <= secondOf(again.wakeAt ?? Infinity);
    assert.ok(early, `wakes at ${result.wakeAt}, too late for ${again.wakeAt}`);
    assert.ok(result.wakeAt === undefined || result.wakeAt > this.now, 'wakes at once');
    return result;
  }

  private idsFrom(start: number): () => string {
    this.made = start;
    return () => {
      this.made += 1;
      return `made${String(this.made).padStart(21, '0')}`;
    };
  }

  /** The next run looks at everything, as a new leader does. */
  changeLeader(): void {
    this.runner = new StageRunner(this.store, this.orchestrator);
  }

  advance(ms: number): StageRun {
    this.now += ms;
    return this.run();
  }

  // Scheduler, agents, reaper.

  /** Each task goes where it is wanted, until nothing moves: place, prepare, start, stop. */
  settle(): void {
    for (let round = 0; round < 1000; round += 1) {
      const moved = this.work();
      if (this.run().changes.length === 0 && !moved) return;
    }
    throw new Error('the swarm does not settle');
  }

  /** One step of all agents. True when anything changed. */
  work(): boolean {
    let moved = false;
    for (const task of this.store.view().find('task', { by: 'all' })) {
      const next = nextState(task);
      if (next === undefined) continue;
      const node = task.nodeId === '' ? this.freeNode() : task.nodeId;
      if (node === undefined || !this.isUp(node)) continue;
      this.observe(task.id, next, { nodeId: node });
      moved = true;
    }
    return moved;
  }

  /** Every running task of a job does what it was made for. True when there was one. */
  finishJobs(): boolean {
    const running = this.store
      .view()
      .find('task', { by: 'desiredState', state: TaskState.COMPLETE })
      .filter((task) => observedState(task) === TaskState.RUNNING);
    for (const task of running) this.observe(task.id, TaskState.COMPLETE);
    return running.length > 0;
  }

  /** What an agent reports, or a test makes it report. */
  observe(taskId: string, state: TaskState, change: Partial<Task> = {}): void {
    this.write((draft) => {
      const task = draft.get('task', taskId)!;
      const at = timestampFromMs(this.now);
      const runningSince =
        task.status!.runningSince ?? (state === TaskState.RUNNING ? at : undefined);
      const status = { ...task.status!, state, timestamp: at, appliedAt: at, runningSince };
      draft.update('task', { ...task, ...change, status });
    });
  }

  fail(task: Task): void {
    this.observe(task.id, TaskState.FAILED);
  }

  /** Deletes what stopped and is to be removed, or never will run. */
  reap(): void {
    for (const task of this.store.view().find('task', { by: 'all' }))
      if (
        willNeverRun(task) ||
        (task.desiredState === TaskState.REMOVE && observedState(task) > TaskState.RUNNING)
      )
        this.remove('task', task.id);
  }

  // What there is.

  service(id: string): Service {
    return this.store.view().get('service', id)!;
  }

  task(id: string): Task {
    return this.store.view().get('task', id)!;
  }

  updateState(id: string): string {
    const state = this.service(id).updateStatus?.state;
    return state === undefined ? 'none' : UpdateStatus_UpdateState[state]!;
  }

  /** Oldest first. */
  tasks(serviceId: string): readonly Task[] {
    return [...this.store.view().find('task', { by: 'service', id: serviceId })].sort(
      (a, b) =>
        Number((a.meta?.createdAt?.seconds ?? 0n) - (b.meta?.createdAt?.seconds ?? 0n)) ||
        (a.meta?.createdAt?.nanos ?? 0) - (b.meta?.createdAt?.nanos ?? 0) ||
        (a.id < b.id ? -1 : 1),
    );
  }

  live(serviceId: string): readonly Task[] {
    return this.tasks(serviceId).filter((task) => task.desiredState <= TaskState.COMPLETE);
  }

  slots(serviceId: string): readonly number[] {
    return this.live(serviceId)
      .map((task) => Number(task.slot))
      .sort((a, b) => a - b);
  }

  /** The live task of a slot. */
  inSlot(serviceId: string, slot: number): Task {
    const tasks = this.live(serviceId).filter((task) => Number(task.slot) === slot);
    assert.equal(tasks.length, 1, tasks.map(describeTask).join(', ') || `slot ${slot} is empty`);
    return tasks[0]!;
  }

  onNode(serviceId: string, nodeId: string): readonly Task[] {
    return this.live(serviceId).filter((task) => task.nodeId === nodeId);
  }

  write<T>(change: (draft: Parameters<Parameters<FakeStore['updateNow']>[1]>[0]) => T): T {
    return this.store.updateNow(anyone, change) as T;
  }

  /** The emptiest node that takes tasks. */
  private freeNode(): string | undefined {
    const view = this.store.view();
    return view
      .find('node', { by: 'all' })
      .filter(
        (node) =>
          node.spec?.availability === NodeSpec_Availability.ACTIVE &&
          node.status?.state === NodeStatus_State.READY,
      )
      .map(({ id }) => ({
        id,
        load: view
          .find('task', { by: 'node', id })
          .filter((task) => task.desiredState <= TaskState.COMPLETE).length,
      }))
      .sort((a, b) => a.load - b.load)[0]?.id;
  }

  private isUp(id: string): boolean {
    return this.store.view().get('node', id)?.status?.state === NodeStatus_State.READY;
  }
}

/** The same stage with no slot that counts as quiet. */
const readingAll = (stage: Reconciler): Reconciler => ({
  ...stage,
  writer: stage.writer,
  order: stage.order,
  reconcile: (input) =>
    stage.reconcile({ ...input, id: () => input.id(), draft: blind(input.draft) }),
});

/** A draft in which no slot is quiet. */
function blind(draft: Draft): Draft {
  return Object.assign(Object.create(draft) as Draft, {
    slots: (serviceId: string): SlotTally => {
      const tasks = draft.find('task', { by: 'service', id: serviceId });
      const wanted = tasks.filter(({ desiredState }) => desiredState < TaskState.REMOVE);
      const restless = [...new Set(wanted.map(({ slot }) => slot))];
      return { quiet: 0, restless, largest: 0, groups: [], nodes: [], freeFrom: (slot) => slot };
    },
  });
}

/** Changes in an order of their own, whatever ids were drawn. */
function canonical(changes: readonly Change[]): readonly string[] {
  const bigints = (_key: string, value: unknown): unknown =>
    typeof value === 'bigint' ? String(value) : value;
  const made = changes.filter(({ action }) => action === 'create').map(({ id }) => id);
  return changes
    .map((change) => JSON.stringify({ ...change, old: undefined }, bigints))
    .map((text) => made.reduce((seen, id) => seen.replaceAll(id, 'new'), text))
    .sort();
}

const isJobMode = (spec: Partially<ServiceSpec>): boolean =>
  spec.mode?.$case === 'replicatedJob' || spec.mode?.$case === 'globalJob';

function nextState(task: Task): TaskState | undefined {
  const observed = observedState(task);
  if (observed > TaskState.RUNNING) return undefined;
  if (task.desiredState > TaskState.COMPLETE)
    return observed < TaskState.ASSIGNED ? undefined : TaskState.SHUTDOWN;
  if (observed < TaskState.ASSIGNED) return TaskState.ASSIGNED;
  const wanted = Math.min(task.desiredState, TaskState.RUNNING);
  return observed < wanted ? wanted : undefined;
}

export const withTask = (spec: ServiceSpec, change: (task: TaskSpec) => TaskSpec): ServiceSpec => ({
  ...spec,
  task: change(spec.task!),
});

export const withImage = (spec: ServiceSpec, image: string): ServiceSpec =>
  withTask(spec, (task) => {
    assert.equal(task.runtime?.$case, 'container');
    return {
      ...task,
      runtime: {
        ...task.runtime!,
        value: { ...(task.runtime!.value as never as object), image },
      } as never,
    };
  });

export const imageOf = (task: Task): string =>
  task.spec?.runtime?.$case === 'container' ? task.spec.runtime.value.image : '';

export const replicas = (count: number): Partially<ServiceSpec> => ({
  mode: { $case: 'replicated', value: { replicas: BigInt(count) } },
});
