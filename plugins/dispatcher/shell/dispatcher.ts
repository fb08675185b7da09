import type { Consensus } from '@swarmkit/sdk/contracts/consensus';
import type { Call } from '@swarmkit/sdk/contracts/rpc';
import type { Commit, Store, Writer } from '@swarmkit/sdk/contracts/store';
import { durationFromMs } from '@swarmkit/sdk/model/time';
import type { Env } from '@swarmkit/sdk/plugin/env';
import { SwarmError } from '@swarmkit/sdk/plugin/errors';
import type { Logger } from '@swarmkit/sdk/plugin/plugin';
import {
  AssignmentsMessage,
  AssignmentsMessage_Type,
  type HeartbeatResponse,
  type SessionMessage,
  type TasksMessage,
  type UpdateTaskStatusRequest_TaskStatusUpdate,
  UpdateTaskStatusResponse,
  type UpdateVolumeStatusRequest_VolumeStatusUpdate,
  UpdateVolumeStatusResponse,
} from '@swarmkit/sdk/wire/gen/swarmkit/dispatcher';
import {
  type NodeDescription,
  type TaskStatus,
  VolumePublishStatus_State,
} from '@swarmkit/sdk/wire/gen/swarmkit/types';
import { NodeAssignments } from '../core/assignments.js';
import { heartbeatMs, jitteredMs } from '../core/liveness.js';
import { concernsSession, sessionMessage } from '../core/session-message.js';
import { checkReporter } from '../core/status-report.js';
import { NodeRecords } from './node-records.js';
import { AssignmentStream, type NodeSession } from './node-session.js';
import { NodeWatch } from './node-watch.js';
import { Sessions } from './sessions.js';
import { SignalFlag } from './signal-flag.js';
import { StatusQueue } from './status-queue.js';

export interface DispatcherOptions {
  readonly env: Env;
  readonly log: Logger;
  readonly store: Store;
  readonly consensus: Consensus;
  /** This manager's node id, stamped on statuses it took in. */
  readonly leaderId: string;
  run(where: string, work: () => Promise<void>): void;
}

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

  constructor(private readonly options: DispatcherOptions) {
    const { store, env, log, leaderId } = options;
    this.sessions = new Sessions(env);
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
    this.sessions.stop();
  }

  onCommit(commit: Commit): void {
    for (const change of commit.changes) {
      switch (change.kind) {
        case 'task':
          this.sessions.get(change.object.nodeId)?.touch(change.id);
          if (change.old && change.old.nodeId !== change.object.nodeId)
            this.sessions.get(change.old.nodeId)?.touch(change.id);
          break;
        case 'volume':
          for (const status of [
            ...change.object.publishStatus,
            ...(change.old?.publishStatus ?? []),
          ])
            this.sessions.get(status.nodeId)?.touchVolume(change.id);
          break;
        case 'node': {
          if (change.action === 'remove') this.sessions.drop(change.id);
          else if (concernsSession(change, change.id)) this.sessions.get(change.id)?.tell();
          break;
        }
        case 'cluster':
          for (const node of this.sessions.all)
            if (concernsSession(change, node.nodeId)) node.tell();
          break;
        default:
      }
    }
  }

  async session(
    call: Call,
    description: NodeDescription | undefined,
    sessionId: string,
    send: (message: SessionMessage) => Promise<void>,
  ): Promise<void> {
    const node = await this.register(call, description, sessionId);
    const flag = new SignalFlag();
    const ended = node.ended.signal;
    const signal = AbortSignal.any([call.signal, ended]);
    const { store, consensus } = this.options;
    node.news.add(flag);
    try {
      do await send(sessionMessage(store.view(), consensus.members(), node.nodeId, node.sessionId));
      while (await flag.wait(signal));
    } finally {
      node.news.delete(flag);
    }
    if (ended.aborted) throw mustDisconnect();
  }

  heartbeat(nodeId: string, sessionId: string): HeartbeatResponse {
    const node = this.sessions.check(nodeId, sessionId);
    const period = jitteredMs(this.periodMs(), this.options.env.random.next());
    this.watch.expectBeat(node, period);
    return { period: durationFromMs(period) };
  }

  /** One message a burst of commits: while one is being sent, what changes is collected. */
  async assignments(
    call: Call,
    sessionId: string,
    send: (message: AssignmentsMessage) => Promise<void>,
  ): Promise<void> {
    const node = this.sessions.check(call.peer.nodeId, sessionId);
    const signal = AbortSignal.any([call.signal, node.ended.signal]);
    const ended = node.ended.signal;
    const known = new NodeAssignments(node.nodeId);
    const stream = new AssignmentStream();
    node.streams.add(stream);
    try {
      const view = this.options.store.view();
      let sequence = 1;
      await send(
        AssignmentsMessage.create({
          type: AssignmentsMessage_Type.COMPLETE,
          resultsIn: String(sequence),
          changes: known.complete(view),
        }),
      );
      while (await stream.flag.wait(signal)) {
        const { tasks, volumes } = stream.take();
        const changes = known.increment(view, tasks, volumes);
        if (changes.length === 0) continue;
        await send(
          AssignmentsMessage.create({
            type: AssignmentsMessage_Type.INCREMENTAL,
            appliesTo: String(sequence),
            resultsIn: String(++sequence),
            changes,
          }),
        );
      }
    } finally {
      node.streams.delete(stream);
    }
    if (ended.aborted) throw mustDisconnect();
  }

  /** The older form of assignments: the whole list of tasks at every change. */
  async tasks(
    call: Call,
    sessionId: string,
    send: (message: TasksMessage) => Promise<void>,
  ): Promise<void> {
    const node = this.sessions.check(call.peer.nodeId, sessionId);
    const ended = node.ended.signal;
    const signal = AbortSignal.any([call.signal, ended]);
    const stream = new AssignmentStream();
    node.streams.add(stream);
    try {
      do {
        const changes = new NodeAssignments(node.nodeId).complete(this.options.store.view());
        const tasks = changes.flatMap(({ assignment }) =>
          assignment?.item?.$case === 'task' ? [assignment.item.value] : [],
        );
        await send({ tasks });
      } while (await stream.flag.wait(signal));
    } finally {
      node.streams.delete(stream);
    }
    if (ended.aborted) throw mustDisconnect();
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
    this.watch.expectBeat(node, this.periodMs());
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

  private periodMs(): number {
    return heartbeatMs(this.options.store.view().find('cluster', { by: 'all' })[0]);
  }
}

const mustDisconnect = (): SwarmError =>
  new SwarmError('aborted', 'DISPATCHER_DISCONNECT', 'node must disconnect');

/** `10.0.0.1:2377` and `[::1]:2377` without the port. */
const hostOf = (address: string): string =>
  address.replace(/:\d+$/, '').replace(/^\[(.*)\]$/, '$1');
