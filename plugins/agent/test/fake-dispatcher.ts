import type { Call, RpcServer, Unmount } from '@swarmkit/sdk/contracts/rpc';
import { durationFromMs } from '@swarmkit/sdk/model/time';
import { SwarmError } from '@swarmkit/sdk/plugin/errors';
import {
  AssignmentChange_AssignmentAction,
  AssignmentsMessage,
  AssignmentsMessage_Type,
  type AssignmentsRequest,
  DispatcherService,
  type HeartbeatRequest,
  SessionMessage,
  type SessionRequest,
  type UpdateTaskStatusRequest,
  type UpdateVolumeStatusRequest,
} from '@swarmkit/sdk/wire/gen/swarmkit/dispatcher';
import { Config, Secret, Task } from '@swarmkit/sdk/wire/gen/swarmkit/objects';
import {
  type NodeDescription,
  TaskState,
  type TaskStatus,
  VolumeAssignment,
} from '@swarmkit/sdk/wire/gen/swarmkit/types';

type Item = { task: Task } | { secret: Secret } | { config: Config } | { volume: VolumeAssignment };

/** A dispatcher that does what a test says, and remembers what the agent did. */
export class FakeDispatcher {
  readonly registrations: { sessionId: string; description: NodeDescription | undefined }[] = [];
  /** Each call's task ids and states. */
  readonly calls: string[][] = [];
  readonly statuses = new Map<string, TaskStatus>();
  /** States of each task as a store would hold them: what is lower than before is ignored. */
  readonly history = new Map<string, TaskState[]>();
  /** Reports that were lower than one before of the same agent life: there must be none. */
  readonly wentBack: string[] = [];
  private told = new Map<string, TaskState>();
  readonly unpublished: string[] = [];
  heartbeats = 0;
  streams = 0;
  periodMs = 5_000;
  managers: { nodeId: string; addr: string }[] = [];
  /** What session messages say besides. */
  says: Parameters<typeof SessionMessage.create>[0] = {};
  /** Thrown by the next registrations, heartbeats or reports while it is set. */
  refuse: { session?: SwarmError; heartbeat?: SwarmError; report?: SwarmError } = {};
  answerRegistrations = true;
  /** Assignments begin in the middle. */
  brokenStreams = false;
  /** Reports with this task are refused as a whole. */
  foreign = '';
  /** Reports are answered only when it resolves. */
  answer: Promise<void> = Promise.resolve();
  private readonly tasks = new Map<string, Task>();
  private readonly others = new Map<string, Item>();
  private sessionId = '';
  private sessions = 0;
  private sequence = 0;
  private sendMessage: ((message: SessionMessage) => Promise<void>) | undefined;
  private sendAssignments: ((message: AssignmentsMessage) => Promise<void>) | undefined;
  private endCurrent: ((error: Error) => void) | undefined;

  mount(server: RpcServer): Unmount {
    return server.mount({
      definition: DispatcherService,
      expose: ['control', 'remote'],
      handlers: {
        session: { serverStream: (request, call, send) => this.session(request, call, send) },
        heartbeat: { unary: (request: HeartbeatRequest) => this.heartbeat(request) },
        assignments: { serverStream: (request, call, send) => this.stream(request, call, send) },
        updateTaskStatus: { unary: (request: UpdateTaskStatusRequest) => this.report(request) },
        updateVolumeStatus: { unary: (request: UpdateVolumeStatusRequest) => this.volume(request) },
      },
    });
  }

  /** What the agent is told of at its next stream, and now if there is one. */
  assign(...items: (Task | Item)[]): void {
    const all = items.map((item): Item => ('desiredState' in item ? { task: item } : item));
    for (const item of all) {
      if ('task' in item) this.tasks.set(item.task.id, item.task);
      else this.others.set(keyOf(item), item);
    }
    this.increment(all.map((item) => changeOf(item, AssignmentChange_AssignmentAction.UPDATE)));
  }

  /** The desired state of these tasks, one message. */
  want(desiredState: TaskState, ...ids: string[]): void {
    this.assign(...ids.map((id) => ({ ...this.task(id), desiredState })));
  }

  remove(...items: (string | Item)[]): void {
    const all = items.map(
      (item): Item => (typeof item === 'string' ? { task: Task.create({ id: item }) } : item),
    );
    for (const item of all) {
      if ('task' in item) this.tasks.delete(item.task.id);
      else this.others.delete(keyOf(item));
    }
    this.increment(all.map((item) => changeOf(item, AssignmentChange_AssignmentAction.REMOVE)));
  }

  /** Changes the assignments without a word, as a message that got lost. */
  loseMessage(change: () => void): void {
    const send = this.sendAssignments;
    this.sendAssignments = async () => undefined;
    change();
    this.sendAssignments = send;
  }

  /** Another agent life begins: after a crash it may know less than the one before had told. */
  newLife(): void {
    this.told = new Map();
  }

  endSession(error: Error): void {
    this.endCurrent?.(error);
  }

  async tell(): Promise<void> {
    await this.sendMessage?.(this.message());
  }

  state(taskId: string): TaskState | undefined {
    return this.statuses.get(taskId)?.state;
  }

  private task(id: string): Task {
    const task = this.tasks.get(id);
    if (task === undefined) throw new Error(`task ${id} is not assigned`);
    return task;
  }

  private message(): SessionMessage {
    return SessionMessage.create({
      sessionId: this.sessionId,
      managers: this.managers.map((peer) => ({ peer, weight: 10n })),
      ...this.says,
    });
  }

  private async session(
    request: SessionRequest,
    call: Call,
    send: (message: SessionMessage) => Promise<void>,
  ): Promise<void> {
    this.registrations.push({ sessionId: request.sessionId, description: request.description });
    if (this.refuse.session !== undefined) throw this.refuse.session;
    if (request.sessionId !== this.sessionId || this.sessionId === '')
      this.sessionId = `session${++this.sessions}`;
    this.sendMessage = send;
    if (this.answerRegistrations) await send(this.message());
    await new Promise<void>((resolve, reject) => {
      this.endCurrent = reject;
      call.signal.addEventListener('abort', () => resolve(), { once: true });
    });
  }

  private heartbeat({ sessionId }: HeartbeatRequest) {
    this.check(sessionId);
    if (this.refuse.heartbeat !== undefined) throw this.refuse.heartbeat;
    this.heartbeats++;
    return { period: durationFromMs(this.periodMs) };
  }

  private async stream(
    { sessionId }: AssignmentsRequest,
    call: Call,
    send: (message: AssignmentsMessage) => Promise<void>,
  ): Promise<void> {
    this.check(sessionId);
    this.streams++;
    this.sequence = 1;
    this.sendAssignments = send;
    const items: Item[] = [
      ...[...this.tasks.values()].map((task) => ({ task })),
      ...this.others.values(),
    ];
    await send(
      AssignmentsMessage.create({
        type: this.brokenStreams
          ? AssignmentsMessage_Type.INCREMENTAL
          : AssignmentsMessage_Type.COMPLETE,
        resultsIn: '1',
        changes: items.map((item) => changeOf(item, AssignmentChange_AssignmentAction.UPDATE)),
      }),
    );
    await new Promise<void>((resolve) => {
      call.signal.addEventListener('abort', () => resolve(), { once: true });
    });
    if (this.sendAssignments === send) this.sendAssignments = undefined;
  }

  private increment(changes: ReturnType<typeof changeOf>[]): void {
    const before = this.sequence++;
    void this.sendAssignments?.(
      AssignmentsMessage.create({
        type: AssignmentsMessage_Type.INCREMENTAL,
        appliesTo: String(before),
        resultsIn: String(before + 1),
        changes,
      }),
    ).catch(() => undefined);
  }

  private async report({ sessionId, updates }: UpdateTaskStatusRequest) {
    this.check(sessionId);
    this.calls.push(
      updates.map(({ taskId, status }) => `${taskId} ${TaskState[status?.state ?? 0]}`),
    );
    await this.answer;
    if (this.refuse.report !== undefined) throw this.refuse.report;
    if (updates.some(({ taskId }) => taskId === this.foreign))
      throw new SwarmError(
        'permission-denied',
        'TEST',
        'cannot update a task not assigned this node',
      );
    for (const { taskId, status } of updates) {
      if (status === undefined) continue;
      const { state } = status;
      if (state < (this.told.get(taskId) ?? 0)) this.wentBack.push(`${taskId} ${TaskState[state]}`);
      this.told.set(taskId, state);
      if (state < (this.statuses.get(taskId)?.state ?? 0)) continue;
      const states = this.history.get(taskId) ?? [];
      if (states.at(-1) !== state) states.push(state);
      this.history.set(taskId, states);
      this.statuses.set(taskId, status);
      const task = this.tasks.get(taskId);
      if (task !== undefined && status.state >= (task.status?.state ?? 0))
        this.tasks.set(taskId, { ...task, status });
    }
    return {};
  }

  private volume({ sessionId, updates }: UpdateVolumeStatusRequest) {
    this.check(sessionId);
    for (const { id, unpublished } of updates) if (unpublished) this.unpublished.push(id);
    return {};
  }

  private check(sessionId: string): void {
    if (sessionId !== this.sessionId)
      throw new SwarmError('invalid-argument', 'TEST', 'session invalid');
  }
}

const keyOf = (item: Item): string =>
  Object.entries(item)
    .map(([kind, { id }]) => `${kind}/${id}`)
    .join();

function changeOf(item: Item, action: AssignmentChange_AssignmentAction) {
  const of =
    'task' in item
      ? ({ $case: 'task', value: item.task } as const)
      : 'secret' in item
        ? ({ $case: 'secret', value: item.secret } as const)
        : 'config' in item
          ? ({ $case: 'config', value: item.config } as const)
          : ({ $case: 'volume', value: item.volume } as const);
  return { action, assignment: { item: of } };
}
