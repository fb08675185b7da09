import type { Draft, Store, Writer } from '@swarmkit/sdk/contracts/store';
import { observedState } from '@swarmkit/sdk/model/task';
import { timestampFromMs } from '@swarmkit/sdk/model/time';
import { wireEqual } from '@swarmkit/sdk/model/wire-equal';
import { SwarmError } from '@swarmkit/sdk/plugin/errors';
import type { Env } from '@swarmkit/sdk/plugin/env';
import type { Node } from '@swarmkit/sdk/wire/gen/swarmkit/objects';
import {
  type NodeDescription,
  NodeStatus_State,
  TaskState,
} from '@swarmkit/sdk/wire/gen/swarmkit/types';
import { orphanAt } from '../core/liveness.js';
import { SharedWrite } from './shared-write.js';

/** What the dispatcher writes of nodes: state, address, description; and the end of a lost node's tasks. */
export class NodeRecords {
  private arrivals: Arrival[] = [];
  private readonly arrivalWrite = new SharedWrite(() => this.writeArrivals());

  constructor(
    private readonly store: Store,
    private readonly env: Env,
    private readonly writer: Writer,
    private readonly leaderId: string,
  ) {}

  /**
   * READY, with where it calls from and what it says of itself. Refuses a node that is not in the
   * store. Nodes that come together are written together.
   */
  async ready(
    nodeId: string,
    address: string,
    description: NodeDescription | undefined,
  ): Promise<void> {
    const arrival: Arrival = { nodeId, address, description, isKnown: false };
    this.arrivals.push(arrival);
    await this.arrivalWrite.request();
    if (!arrival.isKnown)
      throw new SwarmError('unknown', 'DISPATCHER_NO_NODE', 'node not found', {
        detail: { node: nodeId },
      });
  }

  private writeArrivals(): Promise<void> {
    const { arrivals } = this;
    this.arrivals = [];
    return this.store.update(
      this.writer,
      (draft) => {
        for (const arrival of arrivals) {
          const node = draft.get('node', arrival.nodeId);
          if (node === undefined) continue;
          arrival.isKnown = true;
          put(draft, node, {
            ...node,
            description: arrival.description ?? node.description,
            status: {
              state: NodeStatus_State.READY,
              message: '',
              addr: arrival.address || addressOf(node),
            },
          });
        }
      },
      oneByOne,
    );
  }

  /** Of all these nodes in one write. */
  down(messages: ReadonlyMap<string, string>): Promise<void> {
    return this.store.update(
      this.writer,
      (draft) => {
        for (const [id, message] of messages) mark(draft, id, NodeStatus_State.DOWN, message);
      },
      oneByOne,
    );
  }

  /**
   * A new leader has not heard of anyone yet, except of those that `isHere`. Written bit by bit: who arrives
   * meanwhile is left alone.
   */
  async unknown(isHere: (nodeId: string) => boolean): Promise<readonly string[]> {
    const ids = this.store
      .head()
      .find('node', { by: 'all' })
      .filter((node) => node.status?.state !== NodeStatus_State.DOWN)
      .map((node) => node.id);
    const marked: string[] = [];
    for (let from = 0; from < ids.length; from += markedAtOnce) {
      const some = ids.slice(from, from + markedAtOnce).filter((id) => !isHere(id));
      await this.store.update(
        this.writer,
        (draft) => {
          for (const id of some)
            mark(
              draft,
              id,
              NodeStatus_State.UNKNOWN,
              'Node moved to "unknown" state due to leadership change in cluster',
            );
        },
        oneByOne,
      );
      marked.push(...some);
    }
    return marked;
  }

  /** Gives up the tasks of nodes that have been DOWN for too long. Returns when to look again. */
  async orphan(): Promise<number | undefined> {
    const now = this.env.clock.now();
    const down = this.store.view().find('node', { by: 'all' });
    const due = down.filter((node) => (orphanAt(node) ?? Number.POSITIVE_INFINITY) <= now);
    const lost = due.flatMap((node) =>
      this.store
        .view()
        .find('task', { by: 'node', id: node.id })
        .filter((task) => isOnNode(observedState(task))),
    );
    if (lost.length > 0)
      await this.store.update(
        this.writer,
        (draft) => {
          for (const { id } of lost) {
            const task = draft.get('task', id);
            if (task?.status === undefined || !isOnNode(observedState(task))) continue;
            draft.update('task', {
              ...task,
              status: {
                ...task.status,
                state: TaskState.ORPHANED,
                appliedBy: this.leaderId,
                appliedAt: timestampFromMs(now),
              },
            });
          }
        },
        oneByOne,
      );
    const later = down.map(orphanAt).filter((at) => at !== undefined && at > now) as number[];
    return later.length === 0 ? undefined : Math.min(...later);
  }
}

/** A few milliseconds. */
const markedAtOnce = 100;

interface Arrival {
  readonly nodeId: string;
  readonly address: string;
  readonly description: NodeDescription | undefined;
  /** Whether the store had the node when it was written. */
  isKnown: boolean;
}

function mark(draft: Draft, id: string, state: NodeStatus_State, message: string): void {
  const node = draft.get('node', id);
  if (node !== undefined)
    put(draft, node, { ...node, status: { state, message, addr: addressOf(node) } });
}

/** Each object stands for itself, so many of them may take several entries. */
const oneByOne = { oversize: 'split' } as const;

const isOnNode = (state: TaskState): boolean =>
  state >= TaskState.ASSIGNED && state <= TaskState.RUNNING;

const addressOf = (node: Node): string => node.status?.addr ?? '';

/** An unchanged node is not written: a node that comes back to the same leader costs no commit. */
function put(draft: Draft, before: Node, after: Node): void {
  if (!wireEqual(before, after)) draft.update('node', after);
}
