import { FakeExecutor, FakeRuntime } from '@swarmkit/sdk/testkit/fake-executor';
import { aTask, type Partially } from '@swarmkit/sdk/testkit/fixtures';
import { LoopbackNetwork, type LoopbackServer } from '@swarmkit/sdk/testkit/loopback-rpc';
import { MemoryDisk } from '@swarmkit/sdk/testkit/memory-disk';
import { VirtualClock, VirtualEnv } from '@swarmkit/sdk/testkit/virtual-env';
import type { Executor } from '@swarmkit/sdk/contracts/executor';
import type { Identity, IdentityNews, NodeIdentity } from '@swarmkit/sdk/contracts/identity';
import type { Storage } from '@swarmkit/sdk/contracts/storage';
import type { Cancel, Clock, Env } from '@swarmkit/sdk/plugin/env';
import type { Logger } from '@swarmkit/sdk/plugin/plugin';
import type { Node, Task } from '@swarmkit/sdk/wire/gen/swarmkit/objects';
import { type EncryptionKey, TaskState } from '@swarmkit/sdk/wire/gen/swarmkit/types';
import { BehaviorSubject } from 'rxjs';
import { Agent, type AgentConfig } from '../shell/agent.js';
import { FakeDispatcher } from './fake-dispatcher.js';

/**
 * A machine with a runtime, a disk and a manager within reach, and an agent on it that can be stopped,
 * killed and started again. Time is virtual throughout.
 */
export class Machine {
  readonly nodeId = 'node0000000000000000000x1';
  readonly clock = new VirtualClock(1_700_000_000_000);
  readonly runtime = new FakeRuntime(this.clock);
  readonly disk = new MemoryDisk();
  readonly network = new LoopbackNetwork(this.clock);
  readonly server: LoopbackServer = this.network.server('unix:/control', '10.0.0.1:4242');
  readonly manager = new FakeDispatcher();
  readonly unmount = this.manager.mount(this.server);
  readonly identity$ = new BehaviorSubject<Identity>(this.identity('manager'));
  /** What the agent passed on of its sessions. */
  readonly news: string[] = [];
  private readonly identityNews: IdentityNews = {
    roots: (pem) => {
      this.news.push(`roots ${pem}`);
      return this.onRoots();
    },
    node: (node) => void this.news.push(`node ${node.id} ${node.role}`),
    dismissed: () => void this.news.push('dismissed'),
    managers: (list) => void this.news.push(`managers ${list.map(({ address }) => address)}`),
  };
  onRoots: () => Promise<void> = () => Promise.resolve();
  onConfigure: NonNullable<Executor['configure']> = () => undefined;
  onNetworkKeys: NonNullable<Executor['useNetworkKeys']> = () => undefined;
  readonly faults: unknown[] = [];
  readonly said: string[] = [];
  executor: FakeExecutor | undefined;
  private life: { agent: Agent; clock: LifeClock; stop(): void } | undefined;
  private lives = 0;

  constructor(private readonly config: AgentConfig = { controlSocket: '/control' }) {}

  identity(role: Identity['role'], nodeId = this.nodeId): Identity {
    return {
      nodeId,
      clusterId: 'cluster',
      role,
      certificatePem: '',
      keyPem: '',
      rootsPem: 'roots',
      issuerSubject: Uint8Array.of(1),
      issuerPublicKey: Uint8Array.of(2),
      notAfter: 0,
    };
  }

  async start(...more: Executor[]): Promise<void> {
    const clock = new LifeClock(this.clock);
    this.manager.newLife();
    const { random } = new VirtualEnv(`life ${++this.lives}`);
    const env: Env = { clock, random, id: () => `id${random.int(1 << 30)}` };
    const executor = new FakeExecutor(this.runtime);
    this.executor = executor;
    const identity: NodeIdentity = {
      current: () => this.identity$.value,
      identity$: this.identity$,
    };
    const agent = new Agent({
      env,
      log: this.log,
      config: this.config,
      identity,
      identityNews: this.identityNews,
      client: this.network.client({ nodeId: this.nodeId }),
      storage: this.counted(this.disk.start()),
      executors: [
        Object.assign(executor, {
          configure: (node: Node) => this.onConfigure(node),
          useNetworkKeys: (keys: readonly EncryptionKey[]) => this.onNetworkKeys(keys),
        }),
        ...more,
      ],
      logs: undefined,
      run: (_where, work) => {
        work().catch((error: unknown) => this.faults.push(error));
      },
    });
    const events = executor.events$.subscribe(({ what }) => {
      if (what === 'available') agent.onAvailable();
    });
    const identities = this.identity$.subscribe(() => agent.onIdentity());
    const stop = (): void => {
      events.unsubscribe();
      identities.unsubscribe();
    };
    this.life = { agent, clock, stop };
    await agent.start();
  }

  /** Batches that were asked of the disk. */
  writes = 0;

  private counted(storage: Storage): Storage {
    return {
      open: async (name) => {
        const space = await storage.open(name);
        const batch = space.batch.bind(space);
        space.batch = (operations) => {
          this.writes++;
          return batch(operations);
        };
        return space;
      },
    };
  }

  /** In order, as at an upgrade. */
  async stop(): Promise<void> {
    const life = this.life;
    this.life = undefined;
    life?.stop();
    await life?.agent.stop();
    await this.disk.stop();
  }

  /** As kill -9: of the batches in flight the first `survivors` reached the disk. */
  kill(survivors = 0): void {
    const life = this.life;
    this.life = undefined;
    life?.stop();
    life?.clock.stop();
    this.executor?.crash();
    this.disk.crash(survivors);
    this.server.cut();
    this.runtime.heavy = 0;
  }

  get agent(): Agent {
    if (this.life === undefined) throw new Error('no agent runs');
    return this.life.agent;
  }

  /** A container task of this node. */
  task(overrides: Partially<Task> = {}): Task {
    return aTask({
      nodeId: this.nodeId,
      status: { state: TaskState.ASSIGNED, message: 'assigned' },
      ...overrides,
    });
  }

  tasks(count: number, overrides: Partially<Task> = {}): Task[] {
    return Array.from({ length: count }, () => this.task(overrides));
  }

  /** Waits for a fact that comes true without time passing, or with up to `limitMs` of it. */
  async until(what: string, fact: () => boolean, limitMs = 0): Promise<void> {
    const end = this.clock.monotonic() + limitMs;
    for (;;) {
      // A storage batch and a stream each take a few turns of the event loop.
      for (let turn = 0; turn < 60; turn++) {
        if (fact()) return;
        await new Promise((resolve) => setImmediate(resolve));
      }
      if (this.clock.monotonic() >= end)
        throw new Error(
          `not true: ${what}; ${JSON.stringify({ said: this.said, faults: this.faults.map(String) })}`,
        );
      await this.clock.advance(10);
    }
  }

  /** Lets everything happen that needs no time. */
  async settle(): Promise<void> {
    for (let turn = 0; turn < 60; turn++) await new Promise((resolve) => setImmediate(resolve));
  }

  private readonly log: Logger = {
    debug: () => undefined,
    info: (...words: unknown[]) => this.say(words),
    warn: (...words: unknown[]) => this.say(words),
    error: (...words: unknown[]) => this.say(words),
  };

  private say(words: readonly unknown[]): void {
    this.said.push(String(words.at(-1)));
  }
}

/** One life's clock: when the process is killed its alarms are gone. */
class LifeClock implements Clock {
  private alive = true;
  constructor(private readonly clock: Clock) {}
  now = (): number => this.clock.now();
  monotonic = (): number => this.clock.monotonic();
  after = (ms: number, run: () => void): Cancel => this.clock.after(ms, () => this.alive && run());
  stop(): void {
    this.alive = false;
  }
}
