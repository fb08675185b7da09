/**
 * One machine of the simulated cluster: a disk, a container runtime and a clock that outlive its
 * processes, and a daemon made of the real plugins in a real kernel host, with false edges. It can die
 * at any of its acts, with or without the machine, and be started anew on what its disk holds.
 */
import { Host } from '@swarmkit/kernel/host';
import type { RootLogger } from '@swarmkit/kernel/log';
import { CertificateAuthority } from '@swarmkit/sdk/contracts/certificate-authority';
import { Consensus, type StateMachine } from '@swarmkit/sdk/contracts/consensus';
import { Executors, type ExecutorEvent } from '@swarmkit/sdk/contracts/executor';
import {
  type Identity,
  IdentityNews,
  KnownManagers,
  NodeIdentity,
} from '@swarmkit/sdk/contracts/identity';
import { Membership } from '@swarmkit/sdk/contracts/membership';
import { RpcClient, RpcServer } from '@swarmkit/sdk/contracts/rpc';
import { ScopeGates } from '@swarmkit/sdk/contracts/scope-gate';
import { type Space, Storage } from '@swarmkit/sdk/contracts/storage';
import { Store } from '@swarmkit/sdk/contracts/store';
import type { Random } from '@swarmkit/sdk/plugin/env';
import { messageOf } from '@swarmkit/sdk/plugin/errors';
import { definePlugin, type PluginManifest } from '@swarmkit/sdk/plugin/plugin';
import { FakeExecutor, FakeRuntime } from '@swarmkit/sdk/testkit/fake-executor';
import { MemoryDisk } from '@swarmkit/sdk/testkit/memory-disk';
import { seededRandom } from '@swarmkit/sdk/testkit/virtual-env';
import { NodeDescription } from '@swarmkit/sdk/wire/gen/swarmkit/types';
import { BehaviorSubject, Observable } from 'rxjs';
import { type Drift, Life, never } from '../engine/life.js';
import { nature, type Schedule } from '../engine/schedule.js';
import { interceptProvided } from './intercept.js';
import type { Exchange } from './sim-rpc.js';

/** The plugins that a daemon is made of; a mutated one can take the place of any. */
export interface PluginSet {
  readonly raft: PluginManifest;
  readonly store: PluginManifest;
  /** The rest of a manager: control API, and everything of the leader. */
  readonly manager: readonly PluginManifest[];
  readonly agent: PluginManifest;
  /** `lies`: batches are answered before they are written. */
  readonly disk?: 'honest' | 'lies';
}

export interface MachineOptions {
  readonly name: string;
  readonly nodeId: string;
  readonly clusterId: string;
  readonly role: Identity['role'];
  readonly seed: string;
  readonly drift: Drift;
  readonly resources: { readonly nanoCpus: bigint; readonly memoryBytes: bigint };
  readonly runsTasks: boolean;
  /** `host:port` of all managers. */
  readonly managers: readonly string[];
  /** Begins the group of managers; the others join it. */
  readonly founder: boolean;
  readonly raft: Readonly<Record<string, unknown>>;
  /** At first. */
  readonly speaksOnlySwarmKit: boolean;
  /** Of each membership but the first: is it one of SwarmKit's? */
  readonly nextIsSwarmKits: () => boolean;
  readonly plugins: PluginSet;
}

/** What a machine tells those who watch it. Only of processes that live. */
export interface Watcher {
  consensus(machine: Machine, consensus: Consensus): void;
  store(machine: Machine, store: Store): void;
  /** Around the real state machine. */
  stateMachine(machine: Machine, machine_: StateMachine): StateMachine;
  /** A plugin failed. */
  fault(machine: Machine, plugin: string, error: unknown): void;
}

/** How long a manager that was dismissed stays out. */
const REJOIN_MS = 3_000;
const LONG_REJOIN_MS = 12_000;
const REPLACED_MS = 500;

export interface DiskWeather {
  readonly minMs: number;
  readonly maxMs: number;
  readonly slow: number;
  readonly slowMs: number;
}

export class Machine {
  readonly runtime: FakeRuntime;
  readonly disk = new MemoryDisk((write) => this.fsync(write));
  diskWeather: DiskWeather = { minMs: 0.2, maxMs: 2, slow: 0, slowMs: 0 };
  life: Life | undefined;
  host: Host | undefined;
  consensus: Consensus | undefined;
  membership: Membership | undefined;
  store: Store | undefined;
  lives = 0;
  /** Of SwarmKit's managers, as far as the others can tell. */
  isSwarmKits: boolean;
  /** Batches that crashes took along, and those that survived without having been acknowledged. */
  lostWrites = 0;
  tornWrites = 0;
  private readonly dice: Random;

  constructor(
    readonly options: MachineOptions,
    private readonly exchange: Exchange,
    private readonly watcher: Watcher,
    private readonly schedule: Schedule,
    private readonly log: RootLogger,
  ) {
    this.dice = seededRandom(`${options.seed}/machine/${options.name}`);
    this.disk.oneByOne = this.dice.int(2) === 0;
    this.isSwarmKits = options.speaksOnlySwarmKit;
    this.runtime = new FakeRuntime({
      now: () => schedule.now,
      monotonic: () => schedule.now,
      after: (ms, run) => schedule.after(ms, nature, `${options.name} runtime`, run),
    });
  }

  get name(): string {
    return this.options.name;
  }

  get address(): string {
    return `${this.name}:4242`;
  }

  get isUp(): boolean {
    return this.life?.alive === true;
  }

  get isManager(): boolean {
    return this.options.role === 'manager';
  }

  /** Begins a new life of the daemon. */
  start(): void {
    if (this.isUp) return;
    const { options, schedule } = this;
    this.lives++;
    const life = new Life(`${options.name}.${this.lives}`, schedule, options.drift);
    this.life = life;
    const host = new Host({
      plugins: this.plugins(life),
      config: this.config(),
      env: {
        clock: life.clock,
        random: seededRandom(`${options.seed}/${life.name}`),
        id: () => '',
      },
      log: this.log,
      onFatal: (error) => {
        if (!life.alive) return;
        this.watcher.fault(this, 'kernel', error);
        this.stopProcess();
      },
    });
    this.host = host;
    host.lifecycle$.subscribe(({ change, plugin, where, error }) => {
      if (life.alive && change === 'failed')
        this.watcher.fault(this, `${plugin} in ${where}`, error);
    });
    life.later(0, 'boot', () => {
      host.start().catch((error: unknown) => {
        if (!life.alive) return;
        this.watcher.fault(this, 'kernel', error);
        this.stopProcess();
      });
    });
  }

  /** As kill -9, or as a power cut: what was not synced is lost, or half of it is. */
  crash(machineToo: boolean, acts?: number): void {
    const { life } = this;
    if (life === undefined || !life.alive) return;
    this.takesMachine = machineToo;
    if (acts === undefined) life.die();
    else life.dieAfter(acts);
  }

  /** In order, as at an upgrade. The process is gone when it resolves. */
  async stop(): Promise<void> {
    const { life, host } = this;
    if (life === undefined || host === undefined || !life.alive) return;
    await host.stop();
    if (!life.alive) return;
    this.takesMachine = false;
    life.die();
  }

  /** A fault took the process down. */
  private stopProcess(): void {
    this.takesMachine = false;
    this.life?.die();
  }

  private takesMachine = false;
  /** It knows the others from then on, and founds nothing. */
  private wasDismissed = false;

  private died(life: Life, executor: FakeExecutor): void {
    executor.crash();
    this.consensus = undefined;
    this.membership = undefined;
    this.store = undefined;
    const { survived, lost } = this.disk.crash(this.dice.int(3));
    this.tornWrites += survived;
    this.lostWrites += lost;
    this.exchange.network.hostDied(life, this.takesMachine);
    this.runtime.heavy = 0;
    if (!this.takesMachine) return;
    for (const taskId of this.runtime.running()) this.runtime.exit(taskId, 137);
  }

  private fsync(write: () => void): void {
    const { minMs, maxMs, slow, slowMs } = this.diskWeather;
    const isSlow = slow > 0 && this.dice.next() < slow;
    const ms =
      minMs + this.dice.next() * (maxMs - minMs) + (isSlow ? this.dice.next() * slowMs : 0);
    this.life?.later(ms, 'fsync', write);
  }

  private plugins(life: Life): readonly PluginManifest[] {
    const { options } = this;
    const { role, runsTasks, plugins } = options;
    const executor = this.executor(life);
    life.onEnd(() => this.died(life, executor));
    const list: PluginManifest[] = [this.edges(life)];
    if (role === 'manager') {
      const raft = interceptProvided(plugins.raft, Membership, (membership) => {
        if (life.alive) this.membership = membership;
        return membership;
      });
      list.push(
        interceptProvided(raft, Consensus, (value) => this.sawConsensus(life, value)),
        interceptProvided(plugins.store, Store, (value) => this.sawStore(life, value)),
      );
      list.push(...plugins.manager);
    }
    if (runsTasks) list.push(this.executorPlugin(executor), plugins.agent);
    return list;
  }

  private config(): Readonly<Record<string, unknown>> {
    const { name, managers, role, runsTasks, raft } = this.options;
    return {
      ...(role === 'manager'
        ? { raft: { ...raft, advertiseAddress: this.address, onlySwarmKit: this.isSwarmKits } }
        : {}),
      ...(runsTasks
        ? { agent: { hostname: name, managers, controlSocket: `/${name}`, heavyLimit: 2 } }
        : {}),
    };
  }

  private sawConsensus(life: Life, consensus: Consensus): Consensus {
    if (!life.alive) return consensus;
    this.consensus = consensus;
    const attach = consensus.attach.bind(consensus);
    consensus.attach = (machine) => attach(this.watched(life, machine));
    this.watcher.consensus(this, consensus);
    return consensus;
  }

  private sawStore(life: Life, store: Store): Store {
    if (!life.alive) return store;
    this.store = store;
    this.watcher.store(this, store);
    return store;
  }

  /** The watcher is told nothing of what a dead process goes on to do. */
  private watched(life: Life, machine: StateMachine): StateMachine {
    const watched = this.watcher.stateMachine(this, machine);
    const of = (): StateMachine => (life.alive ? watched : machine);
    return {
      apply: (entry) => of().apply(entry),
      snapshot: () => of().snapshot(),
      raftConfig: () => of().raftConfig?.(),
      restore: (bytes, index) => of().restore(bytes, index),
      canRestore: async (bytes) => (await of().canRestore?.(bytes)) ?? true,
    };
  }

  private edges(life: Life): PluginManifest {
    const { exchange, disk, address, name, options } = this;
    const { nodeId, clusterId, role, managers, founder } = options;
    const managerGate = new BehaviorSubject(true);
    const dismiss = (): void => {
      this.wasDismissed = true;
      managerGate.next(false);
      // The certificate still says manager, so it asks to be taken in again.
      life.later(this.restMs(), 'is a manager again', () => {
        if (this.options.nextIsSwarmKits() === this.isSwarmKits) managerGate.next(true);
        else this.becomeAnother();
      });
    };
    const knowsOthers = (): boolean => !founder || this.wasDismissed;
    const identity: Identity = {
      nodeId,
      clusterId,
      role,
      certificatePem: '',
      keyPem: '',
      rootsPem: 'roots',
      issuerSubject: Uint8Array.of(1),
      issuerPublicKey: Uint8Array.of(2),
      notAfter: 4_000_000_000_000,
    };
    const at = {
      host: name,
      life,
      clock: life.clock,
      peer: { nodeId, clusterId, role, address: `${name}:50000` },
      speaksOnlySwarmKit: this.isSwarmKits,
    };
    const storage = guarded(life, disk.start(), options.plugins.disk === 'lies');
    const isManager = role === 'manager';
    const server = isManager ? exchange.server(at, address, `unix:/${name}`) : undefined;
    return definePlugin({
      id: 'edges',
      version: '1.0.0',
      scope: 'node',
      provides: [
        Storage,
        NodeIdentity,
        IdentityNews,
        KnownManagers,
        RpcClient,
        ...(server === undefined ? [] : [RpcServer, CertificateAuthority]),
      ],
      contributes: [ScopeGates],
      register(ctx) {
        ctx.provide(Storage, storage);
        ctx.provide(NodeIdentity, {
          current: () => identity,
          identity$: new BehaviorSubject(identity),
        });
        ctx.provide(IdentityNews, {
          roots: async () => undefined,
          node: () => undefined,
          managers: () => undefined,
          dismissed: dismiss,
        });
        ctx.provide(KnownManagers, {
          others: () =>
            knowsOthers()
              ? managers
                  .filter((other) => other !== address)
                  .map((other) => ({ nodeId: '', address: other }))
              : [],
          founder: () => founder,
        });
        ctx.provide(RpcClient, exchange.client(at));
        ctx.provide(ScopeGates, { scope: 'agent', open$: new BehaviorSubject(true) });
        if (server === undefined) return;
        ctx.provide(RpcServer, server);
        ctx.provide(CertificateAuthority, falseAuthority);
        ctx.provide(ScopeGates, { scope: 'manager', open$: managerGate });
      },
    });
  }

  /** Now and then long enough for the others to change their ways without it. */
  private restMs(): number {
    return this.dice.int(3) === 0 ? LONG_REJOIN_MS : REJOIN_MS;
  }

  /** An engine in the place of our daemon, or the other way round. */
  private becomeAnother(): void {
    this.stopProcess();
    this.isSwarmKits = !this.isSwarmKits;
    this.schedule.note(`${this.name} is ${this.isSwarmKits ? 'SwarmKit’s' : 'ours'} now`);
    this.schedule.after(REPLACED_MS, nature, 'is started', () => this.start());
  }

  private executor(life: Life): FakeExecutor {
    const { runtime, options } = this;
    // News of the runtime come to the process as events of its own.
    const changes$ = new Observable<ExecutorEvent>((reader) => {
      const subscription = runtime.changes.subscribe((event) => {
        life.later(0.05, `runtime ${event.what}`, () => reader.next(event));
      });
      life.onEnd(() => subscription.unsubscribe());
      return subscription;
    });
    const executor = new FakeExecutor(runtime, 'fake', changes$, life.clock);
    executor.description = NodeDescription.fromPartial({
      platform: { architecture: 'x86_64', os: 'linux' },
      resources: options.resources,
      engine: { engineVersion: 'fake' },
    });
    return executor;
  }

  private executorPlugin(executor: FakeExecutor): PluginManifest {
    return definePlugin({
      id: 'executor-fake',
      version: '1.0.0',
      scope: 'agent',
      contributes: [Executors],
      register: (ctx) => ctx.provide(Executors, executor),
    });
  }

  describe(): string {
    return `${this.name} (${this.isUp ? `life ${this.lives}` : 'down'})`;
  }
}

/** Everybody is who they say they are, and nobody asks for a certificate. */
const falseAuthority = {
  bootstrap: () => ({
    certificatePem: 'certificate',
    keyPem: 'key',
    digest: 'sha256:00',
    workerToken: 'worker',
    managerToken: 'manager',
  }),
} as unknown as CertificateAuthority;

/** A storage as a process sees it: when it is dead, nothing is asked and nothing answered. */
function guarded(life: Life, storage: Storage, lies: boolean): Storage {
  const alive = <T>(work: () => Promise<T>): Promise<T> => {
    if (!life.act()) return never();
    return new Promise((resolve, reject) => {
      work().then(
        (value) => life.alive && resolve(value),
        (error) => life.alive && reject(error),
      );
    });
  };
  return {
    open: (name) =>
      alive(async () => {
        const space = await storage.open(name);
        const guard: Space = {
          get: (key) => alive(() => space.get(key)),
          batch: (operations) =>
            alive(async () => {
              const written = space.batch(operations);
              // Not of what is taken away: who erases looks again, and would find it for ever.
              if (lies && operations.some((one) => 'put' in one)) written.catch(() => undefined);
              else await written;
            }),
          scan: (range) => (life.alive ? space.scan(range) : silent()),
          close: () => alive(() => space.close()),
        };
        return guard;
      }),
  };
}

const silent = (): AsyncIterable<never> => ({
  [Symbol.asyncIterator]: () => ({ next: () => never() }),
});

export const failureText = (error: unknown): string => {
  const cause =
    error instanceof Error && error.cause !== undefined ? ` (${messageOf(error.cause)})` : '';
  return `${messageOf(error)}${cause}`;
};
