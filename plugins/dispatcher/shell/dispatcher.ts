import type { Consensus } from '@swarmkit/sdk/contracts/consensus';
import type { Call } from '@swarmkit/sdk/contracts/rpc';
import type { Commit, Store, Writer } from '@swarmkit/sdk/contracts/store';
import { durationFromMs } from '@swarmkit/sdk/model/time';
import type { Cancel, Env } from '@swarmkit/sdk/plugin/env';
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
import {
  countRegistration,
  gracePeriods,
  heartbeatMs,
  jitteredMs,
  unknownGracePeriods,
} from '../core/liveness.js';
import { concernsSession, sessionMessage } from '../core/session-message.js';
import { checkReporter } from '../core/status-report.js';
import { NodeRecords } from './node-records.js';
import { AssignmentStream, NodeSession } from './node-session.js';
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
  private readonly nodes = new Map<string, NodeSession>();
  private readonly statuses: StatusQueue;
  private readonly records: NodeRecords;
  private orphanTimer: Cancel | undefined;
  private stopped = false;

  constructor(private readonly options: DispatcherOptions) {
    const { store, env, leaderId } = options;
    this.statuses = new StatusQueue(store, env, statusWriter, leaderId);
    this.records = new NodeRecords(store, env, statusWriter, leaderId);
  }

  start(): void {
    this.options.run('unknown nodes', async () => {
      for (const id of await this.records.unknown()) {
        const node = this.node(id);
        if (node.sessionId === '')
          node.expect(unknownGracePeriods * this.periodMs(), () =>
            this.silent(node, 'heartbeat failure for node in "unknown" state'),
          );
      }
      this.watchOrphans();
    });
  }

  stop(): void {
    this.stopped = true;
    this.orphanTimer?.();
    for (const node of this.nodes.values()) node.end();
    this.nodes.clear();
  }

  onCommit(commit: Commit): void {
    for (const change of commit.changes) {
      switch (change.kind) {
        case 'task':
          this.nodes.get(change.object.nodeId)?.touch(change.id);
          if (change.old && change.old.nodeId !== change.object.nodeId)
            this.nodes.get(change.old.nodeId)?.touch(change.id);
          break;
        case 'volume':
          for (const status of [
            ...change.object.publishStatus,
            ...(change.old?.publishStatus ?? []),
          ])
            this.nodes.get(status.nodeId)?.touchVolume(change.id);
          break;
        case 'node': {
          const node = this.nodes.get(change.id);
          if (change.action === 'remove') {
            node?.end();
            this.nodes.delete(change.id);
          } else if (concernsSession(change, change.id)) node?.tell();
          break;
        }
        case 'cluster':
          for (const node of this.nodes.values())
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
    const node = this.inSession(nodeId, sessionId);
    const period = jitteredMs(this.periodMs(), this.options.env.random.next());
    this.expectBeat(node, period);
    return { period: durationFromMs(period) };
  }

  /** One message a burst of commits: while one is being sent, what changes is collected. */
  async assignments(
    call: Call,
    sessionId: string,
    send: (message: AssignmentsMessage) => Promise<void>,
  ): Promise<void> {
    const node = this.inSession(call.peer.nodeId, sessionId);
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
    const node = this.inSession(call.peer.nodeId, sessionId);
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
    this.inSession(nodeId, sessionId);
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
    this.inSession(nodeId, sessionId);
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
    const { env, store } = this.options;
    if (store.head().get('node', nodeId) === undefined)
      throw new SwarmError('unknown', 'DISPATCHER_NO_NODE', 'node not found', {
        detail: { node: nodeId },
      });
    const node = this.node(nodeId);
    if (sessionId === '' || sessionId !== node.sessionId) {
      const counted = countRegistration(node.registrations, env.clock.monotonic());
      if (counted === undefined)
        throw new SwarmError(
          'unavailable',
          'DISPATCHER_RATE',
          `node ${nodeId} exceeded rate limit count of registrations`,
        );
      node.registrations = counted;
      node.begin(env.id());
    }
    const mine = node.sessionId;
    this.expectBeat(node, this.periodMs());
    await this.records.ready(nodeId, this.addressOf(call), description);
    // Another registration of the same node may have come in while this one was being written.
    return this.inSession(nodeId, mine);
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

  private inSession(nodeId: string, sessionId: string): NodeSession {
    if (this.stopped)
      throw new SwarmError('aborted', 'DISPATCHER_STOPPED', 'dispatcher is stopped');
    const node = this.nodes.get(nodeId);
    if (node === undefined)
      throw new SwarmError('not-found', 'DISPATCHER_NOT_REGISTERED', 'node not registered');
    if (sessionId === '' || node.sessionId !== sessionId)
      throw new SwarmError('invalid-argument', 'DISPATCHER_SESSION', 'session invalid');
    return node;
  }

  private node(nodeId: string): NodeSession {
    let node = this.nodes.get(nodeId);
    if (node === undefined) {
      node = new NodeSession(nodeId, this.options.env.clock);
      this.nodes.set(nodeId, node);
    }
    return node;
  }

  private expectBeat(node: NodeSession, periodMs: number): void {
    node.expect(gracePeriods * periodMs, () => this.silent(node, 'heartbeat failure'));
  }

  private silent(node: NodeSession, message: string): void {
    if (this.stopped) return;
    this.options.log.warn({ node: node.nodeId }, message);
    node.end();
    this.options.run('node down', async () => {
      await this.records.down(node.nodeId, message);
      this.watchOrphans();
    });
  }

  private watchOrphans(): void {
    this.options.run('orphaned tasks', async () => {
      const at = await this.records.orphan();
      this.orphanTimer?.();
      if (at === undefined || this.stopped) return;
      const { clock } = this.options.env;
      this.orphanTimer = clock.after(at - clock.now(), () => this.watchOrphans());
    });
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
