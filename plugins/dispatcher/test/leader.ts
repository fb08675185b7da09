import type { Member } from '@swarmkit/sdk/contracts/consensus';
import type { RpcConnection } from '@swarmkit/sdk/contracts/rpc';
import type { SecretDriver } from '@swarmkit/sdk/contracts/secret-driver';
import { isSwarmError, SwarmError } from '@swarmkit/sdk/plugin/errors';
import type { Logger } from '@swarmkit/sdk/plugin/plugin';
import { FakeStore } from '@swarmkit/sdk/testkit/fake-store';
import { aCluster, aNode, aTask, type Partially } from '@swarmkit/sdk/testkit/fixtures';
import { LoopbackNetwork } from '@swarmkit/sdk/testkit/loopback-rpc';
import { VirtualEnv } from '@swarmkit/sdk/testkit/virtual-env';
import {
  type AssignmentsMessage,
  DispatcherService,
  type SessionMessage,
} from '@swarmkit/sdk/wire/gen/swarmkit/dispatcher';
import type { Cluster, Node, Task } from '@swarmkit/sdk/wire/gen/swarmkit/objects';
import {
  NodeDescription,
  NodeStatus_State,
  TaskState,
  TaskStatus,
} from '@swarmkit/sdk/wire/gen/swarmkit/types';
import { Dispatcher } from '../shell/dispatcher.js';
import { dispatcherHandlers } from '../shell/handlers.js';

/** A leader with a store that commits at once, and agents that call it as the nodes they are. */
export class Leader {
  readonly env = new VirtualEnv('leader');
  readonly clock = this.env.clock;
  readonly store: FakeStore;
  readonly network = new LoopbackNetwork(this.clock);
  readonly server = this.network.server('unix:/leader', '10.0.0.1:4242');
  readonly members: Member[] = [
    { raftId: 1n, nodeId: 'leader', address: '10.0.0.1:4242', reachable: true, votes: true },
  ];
  readonly faults: unknown[] = [];
  readonly dispatcher: Dispatcher;
  readonly secretDrivers: SecretDriver[] = [];

  constructor(store?: FakeStore) {
    this.store = store ?? new FakeStore({ now: () => this.clock.now() });
    this.dispatcher = new Dispatcher({
      env: this.env,
      log: quiet,
      store: this.store,
      consensus: { members: () => this.members } as never,
      leaderId: 'leader',
      secretDrivers: () => this.secretDrivers,
      run: (_where, work) => {
        work().catch((error: unknown) => this.faults.push(error));
      },
    });
    this.store.commits$.subscribe((commit) => this.dispatcher.onCommit(commit));
    this.server.mount({
      definition: DispatcherService,
      expose: ['control', 'remote'],
      handlers: dispatcherHandlers(this.dispatcher),
    });
  }

  /** Nodes that nobody has heard of, DOWN so that a starting leader does not wait for them. */
  seed(...ids: string[]): this {
    const status = { state: NodeStatus_State.DOWN };
    this.store.seed({
      node: ids.map((id) => aNode({ id, status })),
      cluster: [aCluster({ id: 'cluster', rootCa: { caCert: Buffer.from('roots') } })],
    });
    return this;
  }

  agent(nodeId: string, address = '10.0.0.1:4242'): AgentCalls {
    const client = this.network.client({ nodeId, address: '192.168.7.7:5555' });
    return new AgentCalls(client.connect(address));
  }

  /** The same node, calling from there. */
  agentAt(nodeId: string, from: string): AgentCalls {
    return new AgentCalls(this.network.client({ nodeId, address: from }).connect('10.0.0.1:4242'));
  }

  node(id: string): Node {
    return found(this.store.view().get('node', id));
  }
  task(id: string): Task {
    return found(this.store.view().get('task', id));
  }
  nodeState(id: string): string {
    return NodeStatus_State[this.node(id).status?.state ?? 0] ?? '';
  }

  /** Somebody writes, as an orchestrator or a user does. */
  put(...tasks: Task[]): void {
    this.store.updateNow(anybody, (draft) => {
      for (const task of tasks) {
        const before = draft.get('task', task.id);
        if (before === undefined) draft.create('task', task);
        else draft.update('task', { ...task, meta: before.meta });
      }
    });
  }
  changeTask(id: string, change: Partial<Task>): void {
    this.put({ ...this.task(id), ...change });
  }
  removeTask(id: string): void {
    this.store.updateNow(anybody, (draft) => draft.remove('task', id));
  }
  changeCluster(change: (cluster: Cluster) => Cluster): void {
    this.store.updateNow(anybody, (draft) => {
      draft.update('cluster', change(found(draft.get('cluster', 'cluster'))));
    });
  }
  changeNode(id: string, change: (node: Node) => Node): void {
    this.store.updateNow(anybody, (draft) => {
      draft.update('node', change(found(draft.get('node', id))));
    });
  }
}

export const anybody = { id: 'test', writes: ['any'] } as const;

/** One agent's calls, with nothing of an agent's own mind. */
export class AgentCalls {
  constructor(readonly connection: RpcConnection) {}

  /** Registers; the stream stays open until `close`. */
  async register(
    sessionId = '',
    description?: NodeDescription,
  ): Promise<OpenStream<SessionMessage>> {
    const stream = new OpenStream<SessionMessage>((signal) =>
      this.connection.serverStream(
        DispatcherService.session,
        { sessionId, description },
        { signal },
      ),
    );
    await stream.next();
    return stream;
  }

  heartbeat(sessionId: string) {
    return this.connection.unary(DispatcherService.heartbeat, { sessionId });
  }

  assignments(sessionId: string): OpenStream<AssignmentsMessage> {
    return new OpenStream((signal) =>
      this.connection.serverStream(DispatcherService.assignments, { sessionId }, { signal }),
    );
  }

  /** Reports `[task, state]` pairs in one call. */
  async report(sessionId: string, ...reports: [string, TaskState | TaskStatus][]): Promise<void> {
    await this.connection.unary(DispatcherService.updateTaskStatus, {
      sessionId,
      updates: reports.map(([taskId, status]) => ({
        taskId,
        status: typeof status === 'number' ? TaskStatus.create({ state: status }) : status,
      })),
    });
  }
}

/** A server's stream, read message by message. */
export class OpenStream<T> {
  readonly seen: T[] = [];
  private readonly end = new AbortController();
  private readonly messages: AsyncIterator<T>;
  private ahead: Promise<IteratorResult<T>> | undefined;

  constructor(open: (signal: AbortSignal) => AsyncIterable<T>) {
    this.messages = open(this.end.signal)[Symbol.asyncIterator]();
  }

  get last(): T {
    return found(this.seen.at(-1));
  }

  async next(): Promise<T> {
    this.ahead ??= this.messages.next();
    const { done, value } = await this.ahead;
    this.ahead = undefined;
    if (done) throw new Error('the stream has ended');
    this.seen.push(value);
    return value;
  }

  /** Undefined when nothing comes without time passing. */
  async nextIfAny(): Promise<T | undefined> {
    this.ahead ??= this.messages.next();
    const nothing = Symbol();
    const quiet = turns(20).then(() => nothing);
    const first = await Promise.race([this.ahead, quiet]);
    return first === nothing ? undefined : this.next();
  }

  close(): void {
    this.ahead?.catch(() => undefined);
    this.end.abort();
  }
}

export async function turns(count: number): Promise<void> {
  for (let i = 0; i < count; i++) await new Promise((resolve) => setImmediate(resolve));
}

/** `kind: text` of what the promise rejects with. */
export const refusal = async (promise: Promise<unknown>): Promise<string> =>
  promise.then(
    () => 'no refusal',
    (error: unknown) => (isSwarmError(error) ? `${error.kind}: ${error.message}` : String(error)),
  );

/** A task of this node, ASSIGNED. */
export const taskOn = (nodeId: string, overrides: Partially<Task> = {}): Task =>
  aTask({ nodeId, status: { state: TaskState.ASSIGNED, message: 'assigned' }, ...overrides });

export const unavailable = new SwarmError('unavailable', 'TEST', 'no quorum');

export const describing = (hostname: string): NodeDescription =>
  NodeDescription.create({ hostname });

function found<T>(value: T | undefined): T {
  if (value === undefined) throw new Error('not there');
  return value;
}

const quiet: Logger = {
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
};
