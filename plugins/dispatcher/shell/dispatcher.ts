import type { Consensus, Member } from '@swarmkit/sdk/contracts/consensus';
import type { Call } from '@swarmkit/sdk/contracts/rpc';
import type { SecretDriver } from '@swarmkit/sdk/contracts/secret-driver';
import type { Commit, Store, Writer } from '@swarmkit/sdk/contracts/store';
import { observedState } from '@swarmkit/sdk/model/task';
import { changedStatus } from '@swarmkit/sdk/model/task-status';
import { durationFromMs } from '@swarmkit/sdk/model/time';
import { delay, type Env } from '@swarmkit/sdk/plugin/env';
import { isSwarmError, SwarmError } from '@swarmkit/sdk/plugin/errors';
import type { Logger } from '@swarmkit/sdk/plugin/plugin';
import {
  type AssignmentsMessage,
  AssignmentsMessage_Type,
  type HeartbeatResponse,
  type SessionMessage,
  type TasksMessage,
  type UpdateTaskStatusRequest_TaskStatusUpdate,
  UpdateTaskStatusResponse,
  type UpdateVolumeStatusRequest_VolumeStatusUpdate,
  UpdateVolumeStatusResponse,
} from '@swarmkit/sdk/wire/gen/swarmkit/dispatcher';
import type { Task } from '@swarmkit/sdk/wire/gen/swarmkit/objects';
import {
  type NodeDescription,
  TaskState,
  type TaskStatus,
  VolumePublishStatus_State,
} from '@swarmkit/sdk/wire/gen/swarmkit/types';
import { NodeAssignments } from '../core/assignments.js';
import { EncodedChanges } from '../core/encoded-changes.js';
import { heartbeatMs, jitteredMs } from '../core/liveness.js';
import {
  isNewsForAll,
  isNewsOfNode,
  SessionMessages,
  sameMembers,
} from '../core/session-message.js';
import { settlingMs } from '../core/settling.js';
import { checkReporter } from '../core/status-report.js';
import { DriverCalls } from './driver-calls.js';
import { DriverSecrets } from './driver-secrets.js';
import { NodeRecords } from './node-records.js';
import type { NodeSession, StreamKind } from './node-session.js';
import type { NodeStream } from './node-stream.js';
import { NodeWatch } from './node-watch.js';
import { Sessions } from './sessions.js';
import { StatusQueue } from './status-queue.js';
import { Turns } from './turns.js';

export interface DispatcherOptions {
  readonly env: Env;
  readonly log: Logger;
  readonly store: Store;
  readonly consensus: Consensus;
  /** This manager's node id, stamped on statuses it took in. */
  readonly leaderId: string;
  readonly secretDrivers?: () => readonly SecretDriver[];
  run(where: string, work: () => Promise<void>): void;
}

/** As long as one call of a driver may take. */
const secretPatienceMs = 10_000;
/** Between two attempts to write what no agent would report again. */
const retryMs = 1_000;

const statusWriter: Writer = {
  id: 'dispatcher',
  writes: ['task.observed', 'node.observed', 'volume.observed'],
};

/**
 * The leader's end of every agent: sessions, heartbeats, assignments, reports. Lives as long as this
 * manager leads and keeps nothing that a new leader could not find again.
 */
export class Dispatcher {
  private readonly sessions: Sessions;
  private readonly statuses: StatusQueue;
  private readonly records: NodeRecords;
  private readonly watch: NodeWatch;
  private readonly messages = new SessionMessages();
  private readonly encoded = new EncodedChanges();
  private readonly driverCalls: DriverCalls;
  /** Streams that have something new to say. */
  private readonly raise = new Turns<NodeStream>((stream) => stream.raise());
  private members: readonly Member[] | undefined;
  private period: number | undefined;

  constructor(private readonly options: DispatcherOptions) {
    const { store, env, log, leaderId } = options;
    this.sessions = new Sessions(env);
    this.driverCalls = new DriverCalls(env.clock, options.secretDrivers ?? (() => []));
    this.statuses = new StatusQueue(store, env, statusWriter, leaderId);
    this.records = new NodeRecords(store, env, statusWriter, leaderId);
    this.watch = new NodeWatch({
      env,
      log,
      sessions: this.sessions,
      records: this.records,
      periodMs: () => this.periodMs(),
      run: (where, work) => options.run(where, work),
    });
  }

  start(): void {
    this.watch.start();
  }

  /** Streams end with `node must disconnect`; whoever comes later is told that this is over. */
  stop(): void {
    this.watch.stop();
    this.driverCalls.stop();
    this.sessions.stop();
  }

  onCommit(commit: Commit): void {
    for (const change of commit.changes) {
      switch (change.kind) {
        case 'task':
          this.touch(change.object.nodeId, 'task', change.id);
          if (change.old && change.old.nodeId !== change.object.nodeId)
            this.touch(change.old.nodeId, 'task', change.id);
          break;
        case 'volume':
          for (const { nodeId } of [
            ...change.object.publishStatus,
            ...(change.old?.publishStatus ?? []),
          ])
            this.touch(nodeId, 'volume', change.id);
          break;
        case 'node':
          if (change.action === 'remove') this.forget(change.id);
          else if (this.sessions.has(change.id) && isNewsOfNode(change)) this.tell(change.id);
          break;
        case 'cluster':
          this.period = undefined;
          if (isNewsForAll(change)) this.tellAll();
          break;
        default:
      }
    }
  }

  /** The group of managers is another one, or only reached in another way. */
  onMembers(members: readonly Member[]): void {
    const before = this.members;
    this.members = members;
    if (before === undefined || !sameMembers(before, members)) this.tellAll();
  }

  async session(
    call: Call,
    description: NodeDescription | undefined,
    sessionId: string,
    send: (message: SessionMessage) => Promise<void>,
  ): Promise<void> {
    const node = await this.register(call, description, sessionId);
    const { store, consensus } = this.options;
    const { nodeId, sessionId: mine } = node;
    await this.streaming(call, node, 'news', async (stream) => {
      do {
        const message = this.messages.message(store.view(), consensus.members(), nodeId, mine);
        if (!(await stream.sent(send(message)))) return;
      } while (await stream.raised());
    });
  }

  heartbeat(nodeId: string, sessionId: string): HeartbeatResponse {
    const node = this.sessions.check(nodeId, sessionId);
    const period = jitteredMs(this.periodMs(), this.options.env.random.next());
    this.watch.expectBeat(node.nodeId, period);
    return { period: durationFromMs(period) };
  }

  /** One message a burst of commits: while one is being sent, what changes is collected. */
  async assignments(
    call: Call,
    sessionId: string,
    send: (message: AssignmentsMessage) => Promise<void>,
  ): Promise<void> {
    const node = this.sessions.check(call.peer.nodeId, sessionId);
    const values = new DriverSecrets(this.driverCalls, (task, why) => this.reject(task, why));
    const { clock } = this.options.env;
    const known = new NodeAssignments(
      node.nodeId,
      values,
      (task) => settlingMs(task, clock.now()) > 0,
    );
    const view = this.options.store.view();
    await this.streaming(call, node, 'assignments', async (stream) => {
      // The first message is waited for by everything on the node, so it waits for values only so long.
      const awaited = view
        .find('task', { by: 'node', id: node.nodeId })
        .flatMap((task) => this.awaited(task, node.nodeId, values, stream));
      if (awaited.length > 0 && !(await stream.sent(this.within(Promise.all(awaited))))) return;
      let sequence = 1;
      const head = {
        type: AssignmentsMessage_Type.COMPLETE,
        appliesTo: '',
        resultsIn: String(sequence),
      };
      const whole = this.encoded.message(head, known.complete(view));
      if (!(await stream.sent(send(whole)))) return;
      while (await stream.raised()) {
        const { tasks, volumes } = stream.take();
        for (const id of tasks) this.awaited(view.get('task', id), node.nodeId, values, stream);
        const changes = known.increment(view, tasks, volumes);
        if (changes.length === 0) continue;
        const head = {
          type: AssignmentsMessage_Type.INCREMENTAL,
          appliesTo: String(sequence),
          resultsIn: String(++sequence),
        };
        if (!(await stream.sent(send(this.encoded.message(head, changes))))) return;
      }
    });
  }

  /** What is to come before the task is sent; it is looked at again then. None of it rejects. */
  private awaited(
    task: Task | undefined,
    nodeId: string,
    values: DriverSecrets,
    stream: NodeStream,
  ): readonly Promise<void>[] {
    if (task?.nodeId !== nodeId || observedState(task) < TaskState.ASSIGNED) return [];
    const again = (): void => {
      stream.touch('task', task.id);
      this.raise.add(stream);
    };
    const awaited: Promise<void>[] = [];
    const { clock } = this.options.env;
    const heldMs = settlingMs(task, clock.now());
    if (heldMs > 0) awaited.push(delay(clock, heldMs).then(again));
    const view = this.options.store.view();
    if (!values.wants(view, task)) return awaited;
    const fault = (error: unknown): void =>
      this.options.run('secret values', () => Promise.reject(error));
    // What came to nothing is written, and told by that.
    const fetched = values.fetch(view, task).then((isThere) => (isThere ? again() : undefined));
    return [...awaited, fetched.catch(fault)];
  }

  private async within(work: Promise<unknown>): Promise<void> {
    const over = new AbortController();
    const patience = delay(this.options.env.clock, secretPatienceMs, over.signal);
    await Promise.race([work, patience]);
    over.abort();
  }

  /**
   * As its agent would: it was never sent. One that its node has already goes on. Until it is written, for nothing
   * else would look at a task again that waits to be sent.
   */
  private async reject(task: Task, err: string): Promise<void> {
    // Calls that were broken off here say nothing of their task: the next leader fetches anew.
    if (this.driverCalls.isStopped || observedState(task) !== TaskState.ASSIGNED) return;
    const { clock } = this.options.env;
    const status = changedStatus(task, clock.now(), { state: TaskState.REJECTED, err });
    while (!this.driverCalls.isStopped) {
      try {
        await this.statuses.add([[task.id, status]]);
        return;
      } catch (error) {
        if (!isSwarmError(error)) throw error;
        await delay(clock, retryMs);
      }
    }
  }

  /** The older form of assignments: the whole list of tasks at every change. */
  async tasks(
    call: Call,
    sessionId: string,
    send: (message: TasksMessage) => Promise<void>,
  ): Promise<void> {
    const node = this.sessions.check(call.peer.nodeId, sessionId);
    await this.streaming(call, node, 'assignments', async (stream) => {
      do {
        stream.take();
        const changes = new NodeAssignments(node.nodeId).complete(this.options.store.view());
        const tasks = changes.flatMap(({ assignment }) =>
          assignment?.item?.$case === 'task' ? [assignment.item.value] : [],
        );
        if (!(await stream.sent(send({ tasks })))) return;
      } while (await stream.raised());
    });
  }

  async updateTaskStatus(
    nodeId: string,
    sessionId: string,
    updates: readonly UpdateTaskStatusRequest_TaskStatusUpdate[],
  ): Promise<UpdateTaskStatusResponse> {
    this.sessions.check(nodeId, sessionId);
    const view = this.options.store.view();
    const reports: [string, TaskStatus][] = [];
    for (const { taskId, status } of updates) {
      const task = view.get('task', taskId);
      checkReporter(task, nodeId);
      if (task !== undefined && status !== undefined) reports.push([taskId, status]);
    }
    await this.statuses.add(reports);
    return UpdateTaskStatusResponse.create();
  }

  async updateVolumeStatus(
    nodeId: string,
    sessionId: string,
    updates: readonly UpdateVolumeStatusRequest_VolumeStatusUpdate[],
  ): Promise<UpdateVolumeStatusResponse> {
    this.sessions.check(nodeId, sessionId);
    await this.options.store.update(statusWriter, (draft) => {
      for (const { id, unpublished } of updates) {
        const volume = draft.get('volume', id);
        if (volume === undefined || !unpublished) continue;
        draft.update('volume', {
          ...volume,
          publishStatus: volume.publishStatus.map((status) =>
            status.nodeId === nodeId
              ? { ...status, state: VolumePublishStatus_State.PENDING_UNPUBLISH }
              : status,
          ),
        });
      }
    });
    return UpdateVolumeStatusResponse.create();
  }

  private async register(
    call: Call,
    description: NodeDescription | undefined,
    sessionId: string,
  ): Promise<NodeSession> {
    const { nodeId } = call.peer;
    if (this.options.store.head().get('node', nodeId) === undefined)
      throw new SwarmError('unknown', 'DISPATCHER_NO_NODE', 'node not found', {
        detail: { node: nodeId },
      });
    const node = this.sessions.register(nodeId, sessionId);
    const mine = node.sessionId;
    this.watch.expectBeat(nodeId, this.periodMs());
    await this.records.ready(nodeId, this.addressOf(call), description);
    // Another registration of the same node may have come in while this one was being written.
    return this.sessions.check(nodeId, mine);
  }

  /** The caller's IP; on the socket it is this manager's own. */
  private addressOf(call: Call): string {
    if (call.peer.address !== '') return hostOf(call.peer.address);
    const own = this.options.consensus
      .members()
      .find((member) => member.nodeId === call.peer.nodeId);
    const host = hostOf(own?.address ?? '');
    return host === '' || host === '0.0.0.0' || host === '::' ? '127.0.0.1' : host;
  }

  private async streaming(
    call: Call,
    node: NodeSession,
    kind: StreamKind,
    work: (stream: NodeStream) => Promise<void>,
  ): Promise<void> {
    const stream = node.open(kind, call.signal);
    try {
      await work(stream);
    } finally {
      node.close(kind, stream);
      this.raise.delete(stream);
    }
    if (stream.wasEnded) throw mustDisconnect();
  }

  /** Streams are told which objects to look at again, not what became of them. */
  private touch(nodeId: string, kind: 'task' | 'volume', id: string): void {
    for (const stream of this.sessions.get(nodeId)?.of('assignments') ?? []) {
      stream.touch(kind, id);
      this.raise.add(stream);
    }
  }

  private tell(nodeId: string): void {
    for (const stream of this.sessions.get(nodeId)?.of('news') ?? []) this.raise.add(stream);
  }

  private tellAll(): void {
    for (const { nodeId } of this.sessions.all) this.tell(nodeId);
  }

  private forget(nodeId: string): void {
    this.sessions.drop(nodeId);
    this.watch.forget(nodeId);
  }

  private periodMs(): number {
    this.period ??= heartbeatMs(this.options.store.view().find('cluster', { by: 'all' })[0]);
    return this.period;
  }
}

const mustDisconnect = (): SwarmError =>
  new SwarmError('aborted', 'DISPATCHER_DISCONNECT', 'node must disconnect');

/** `10.0.0.1:2377` and `[::1]:2377` without the port. */
const hostOf = (address: string): string =>
  address.replace(/:\d+$/, '').replace(/^\[(.*)\]$/, '$1');
