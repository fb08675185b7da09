/**
 * A runtime in memory whose tasks do as they are told: take their time, fail, exit, vanish, or find
 * the whole runtime gone. `FakeRuntime` is the machine and outlives agents; `FakeExecutor` is one agent
 * life on it. Time is the given clock's alone. For tests and simulation.
 */
import { Observable, Subject } from 'rxjs';
import type { Executor, ExecutorEvent, Exit, TaskController } from '../contracts/executor.js';
import { type Clock, delay } from '../plugin/env.js';
import { invariant, SwarmError } from '../plugin/errors.js';
import type { Task } from '../wire/gen/swarmkit/objects.js';
import { ContainerStatus, NodeDescription, type PortStatus } from '../wire/gen/swarmkit/types.js';

/** How the tasks of a runtime behave. Spans in ms; everything defaults to "at once" and "well". */
export interface Behaviour {
  readonly prepareMs?: number;
  readonly startMs?: number;
  /** From the stop signal to the end; it then exits with `stopCode`. */
  readonly stopMs?: number;
  readonly stopCode?: number;
  readonly removeMs?: number;
  /** Thrown by the verb instead of doing it. */
  readonly prepareError?: Error;
  readonly startError?: Error;
  /** Ends by itself. */
  readonly exitAfterMs?: number;
  readonly exit?: Exit;
}

export interface FakeContainer {
  readonly taskId: string;
  readonly nodeId: string;
  state: 'created' | 'running' | 'exited';
  pid: number;
  exit: Exit;
}

export class FakeRuntime {
  readonly containers = new Map<string, FakeContainer>();
  /** Verbs as they were begun: `start task1`. */
  readonly verbs: string[] = [];
  /** How often each task's container was made and started: more than once is a second container. */
  readonly made = new Map<string, number>();
  readonly started = new Map<string, number>();
  readonly changes = new Subject<ExecutorEvent>();
  /** Heavy verbs in progress now, and the most there ever were. */
  heavy = 0;
  mostHeavy = 0;
  private up = true;
  private pids = 1000;
  private rules: (task: Task) => Behaviour = () => ({});

  constructor(readonly clock: Clock) {}

  get available(): boolean {
    return this.up;
  }

  /** The runtime's daemon comes or goes. Containers run on; verbs fail meanwhile. */
  set available(up: boolean) {
    if (up === this.up) return;
    this.up = up;
    this.changes.next(
      up ? { what: 'available' } : { what: 'unavailable', detail: 'the runtime is down' },
    );
  }

  /** From now on tasks behave so. */
  behave(rules: Behaviour | ((task: Task) => Behaviour)): void {
    this.rules = typeof rules === 'function' ? rules : () => rules;
  }

  behaviour(task: Task): Behaviour {
    return this.rules(task);
  }

  /** The task's process ends now. */
  exit(taskId: string, code: number, reason?: string): void {
    const container = this.containers.get(taskId);
    if (container?.state !== 'running') return;
    container.state = 'exited';
    container.exit = reason === undefined ? { code } : { code, reason };
    this.changes.next({ what: 'exited', taskId });
  }

  /** Somebody else removes the task's container. */
  vanish(taskId: string): void {
    this.containers.delete(taskId);
    this.changes.next({ what: 'exited', taskId });
  }

  /** Ids of tasks whose process runs. */
  running(): readonly string[] {
    return [...this.containers.values()]
      .filter(({ state }) => state === 'running')
      .map(({ taskId }) => taskId);
  }

  make({ id: taskId, nodeId }: Pick<Task, 'id' | 'nodeId'>): void {
    invariant(!this.containers.has(taskId), 'FAKE_SECOND_CONTAINER', { taskId });
    this.made.set(taskId, (this.made.get(taskId) ?? 0) + 1);
    this.containers.set(taskId, { taskId, nodeId, state: 'created', pid: 0, exit: { code: 0 } });
  }

  run(container: FakeContainer, { exitAfterMs, exit }: Behaviour): void {
    const { taskId } = container;
    this.started.set(taskId, (this.started.get(taskId) ?? 0) + 1);
    container.state = 'running';
    container.pid = ++this.pids;
    if (exitAfterMs !== undefined)
      this.clock.after(exitAfterMs, () => this.exit(taskId, exit?.code ?? 0, exit?.reason));
  }
}

export class FakeExecutor implements Executor {
  readonly events$: Observable<ExecutorEvent>;
  /** What `describe` answers. */
  description: NodeDescription = NodeDescription.fromPartial({
    platform: { architecture: 'x86_64', os: 'linux' },
    resources: { nanoCpus: 4_000_000_000n, memoryBytes: 8n << 30n },
    engine: { engineVersion: 'fake' },
  });
  private readonly clock: Clock;
  private crashed = false;

  /** `changes$` and `clock`: how news of the runtime reach this life, and the time it goes by. */
  constructor(
    readonly runtime: FakeRuntime,
    readonly id = 'fake',
    changes$: Observable<ExecutorEvent> = runtime.changes,
    clock: Clock = runtime.clock,
  ) {
    this.events$ = new Observable((reader) => changes$.subscribe(reader));
    this.clock = clock;
  }

  /** The agent's process dies: no verb of this life ever answers, or does anything, again. */
  crash(): void {
    this.crashed = true;
  }

  accepts(task: Task): boolean {
    return task.spec?.runtime?.$case === 'container';
  }

  async describe(): Promise<NodeDescription> {
    await this.alive();
    return this.description;
  }

  controller(task: Task): TaskController {
    if (!this.accepts(task))
      throw new SwarmError('invalid-argument', 'FAKE_RUNTIME', 'exec: unsupported runtime');
    const { runtime, events$, clock } = this;
    return new FakeController(task, runtime, events$, clock, () => this.alive());
  }

  async existing(nodeId?: string): Promise<readonly string[]> {
    await this.alive();
    return [...this.runtime.containers.values()]
      .filter((container) => nodeId === undefined || container.nodeId === nodeId)
      .map(({ taskId }) => taskId);
  }

  async discard(taskId: string): Promise<void> {
    await this.alive();
    this.runtime.verbs.push(`discard ${taskId}`);
    this.runtime.containers.delete(taskId);
  }

  /** Every step of every verb passes here. */
  private async alive(): Promise<void> {
    if (this.crashed) await new Promise(() => undefined);
    if (!this.runtime.available)
      throw new SwarmError('unavailable', 'FAKE_UNAVAILABLE', 'the runtime is down');
  }
}

class FakeController implements TaskController {
  private closed = false;
  private busy: string | undefined;

  constructor(
    private task: Task,
    private readonly runtime: FakeRuntime,
    private readonly changes$: Observable<ExecutorEvent>,
    private readonly clock: Clock,
    private readonly alive: () => Promise<void>,
  ) {}

  update(task: Task): Promise<void> {
    return this.verb('update', undefined, async () => {
      this.task = task;
    });
  }

  prepare(signal: AbortSignal): Promise<'done' | 'already'> {
    return this.verb('prepare', signal, () =>
      this.heavy(async () => {
        if (this.container !== undefined) return 'already';
        const { prepareMs, prepareError } = this.runtime.behaviour(this.task);
        await this.takes(prepareMs, signal);
        if (prepareError !== undefined) throw prepareError;
        this.runtime.make(this.task);
        return 'done';
      }),
    );
  }

  start(signal: AbortSignal): Promise<'done' | 'already'> {
    return this.verb('start', signal, () =>
      this.heavy(async () => {
        if (this.existing().state !== 'created') return 'already';
        const behaviour = this.runtime.behaviour(this.task);
        await this.takes(behaviour.startMs, signal);
        if (behaviour.startError !== undefined) throw behaviour.startError;
        this.runtime.run(this.existing(), behaviour);
        return 'done';
      }),
    );
  }

  wait(signal: AbortSignal): Promise<Exit> {
    return this.verb('wait', signal, async () => {
      while (this.existing().state === 'running') {
        await this.change(signal);
        await this.alive();
      }
      return this.existing().exit;
    });
  }

  shutdown(signal: AbortSignal): Promise<void> {
    return this.verb('shutdown', signal, async () => {
      if (this.container?.state !== 'running') return;
      const { stopMs, stopCode } = this.runtime.behaviour(this.task);
      await this.takes(stopMs, signal);
      this.runtime.exit(this.task.id, stopCode ?? 143);
    });
  }

  terminate(signal: AbortSignal): Promise<void> {
    return this.verb('terminate', signal, async () => this.runtime.exit(this.task.id, 137));
  }

  remove(signal: AbortSignal): Promise<void> {
    return this.verb('remove', signal, async () => {
      await this.takes(this.runtime.behaviour(this.task).removeMs, signal);
      this.runtime.exit(this.task.id, 137);
      this.runtime.containers.delete(this.task.id);
    });
  }

  async containerStatus(): Promise<ContainerStatus | undefined> {
    await this.alive();
    const { container } = this;
    if (container === undefined) return undefined;
    return ContainerStatus.create({
      containerId: `fake-${this.task.id}`,
      pid: container.pid,
      exitCode: container.exit.code,
    });
  }

  async portStatus(): Promise<PortStatus | undefined> {
    return undefined;
  }

  close(): void {
    this.closed = true;
  }

  private get container(): FakeContainer | undefined {
    return this.runtime.containers.get(this.task.id);
  }

  private existing(): FakeContainer {
    const { container } = this;
    if (container !== undefined) return container;
    throw new SwarmError('not-found', 'FAKE_DESTROYED', 'container destroyed');
  }

  /** The contract's rules for callers, and the checks that come before every verb. */
  private async verb<T>(
    name: string,
    signal: AbortSignal | undefined,
    work: () => Promise<T>,
  ): Promise<T> {
    invariant(!this.closed, 'FAKE_CLOSED', { verb: name, task: this.task.id });
    invariant(this.busy === undefined, 'FAKE_TWO_VERBS', { first: this.busy, second: name });
    signal?.throwIfAborted();
    this.busy = name;
    this.runtime.verbs.push(`${name} ${this.task.id}`);
    try {
      await this.alive();
      return await work();
    } finally {
      this.busy = undefined;
    }
  }

  private async heavy<T>(work: () => Promise<T>): Promise<T> {
    const { runtime } = this;
    runtime.heavy++;
    runtime.mostHeavy = Math.max(runtime.mostHeavy, runtime.heavy);
    try {
      return await work();
    } finally {
      runtime.heavy--;
    }
  }

  private async takes(ms: number | undefined, signal: AbortSignal): Promise<void> {
    if (ms !== undefined && ms > 0) await delay(this.clock, ms, signal);
    signal.throwIfAborted();
    await this.alive();
  }

  /** Something happened in the runtime, perhaps to this task. */
  private change(signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const done = (): void => {
        subscription.unsubscribe();
        signal.removeEventListener('abort', abort);
      };
      const abort = (): void => {
        done();
        reject(signal.reason);
      };
      const subscription = this.changes$.subscribe(() => {
        done();
        resolve();
      });
      signal.addEventListener('abort', abort, { once: true });
    });
  }
}
