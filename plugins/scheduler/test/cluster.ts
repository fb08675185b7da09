/** Builders for scheduler tests: a store with nodes and a service, and one run of the stage. */
import { FakeStore } from '@swarmkit/sdk/testkit/fake-store';
import { aNode, aService, aTaskOf, type Partially } from '@swarmkit/sdk/testkit/fixtures';
import { runStage, type StageOptions } from '@swarmkit/sdk/testkit/run-stage';
import type { Node, Service, Task } from '@swarmkit/sdk/wire/gen/swarmkit/objects';
import { TaskState } from '@swarmkit/sdk/wire/gen/swarmkit/types';
import { Scheduler } from '../shell/scheduler.js';

export class Cluster {
  readonly store = new FakeStore();
  private tasks = 0;

  node(id: string, overrides: Partially<Node> = {}): Node {
    const node = aNode({ ...overrides, id });
    this.store.seed({ node: [node] });
    return node;
  }

  service(id: string, overrides: Partially<Service> = {}): Service {
    const service = aService({ ...overrides, id });
    this.store.seed({ service: [service] });
    return service;
  }

  /** `count` tasks of the service that wait for a node. */
  pending(service: Service, count = 1, overrides: Partially<Task> = {}): readonly string[] {
    const waits = { status: { state: TaskState.PENDING, message: 'pending task scheduling' } };
    return Array.from({ length: count }, () => this.add(service, { ...waits, ...overrides }));
  }

  /** `count` tasks of the service that run on the node. */
  running(service: Service, nodeId: string, count = 1, overrides: Partially<Task> = {}): void {
    for (let i = 0; i < count; i++) this.add(service, { nodeId, ...overrides });
  }

  add(service: Service, overrides: Partially<Task>): string {
    this.tasks += 1;
    const id = overrides.id ?? `task${String(this.tasks).padStart(5, '0')}`;
    const task = aTaskOf(service, { slot: BigInt(this.tasks), ...overrides, id });
    this.store.seed({ task: [task] });
    return id;
  }

  run(options: StageOptions = {}) {
    return runStage(this.store, new Scheduler(), options);
  }

  task(id: string): Task {
    return this.store.view().get('task', id) as Task;
  }

  /** Tasks by node id, of these tasks only. */
  spread(ids: readonly string[]): Readonly<Record<string, number>> {
    const counts: Record<string, number> = {};
    for (const id of ids) {
      const { nodeId } = this.task(id);
      counts[nodeId] = (counts[nodeId] ?? 0) + 1;
    }
    return counts;
  }
}
