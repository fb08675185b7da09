/**
 * A whole cluster in one process on virtual time: machines, the network between them, users, and the
 * checkers, which stand outside and see only what contracts show. Everything follows from the seed.
 */
import type { RootLogger } from '@swarmkit/kernel/log';
import type { Consensus, StateMachine } from '@swarmkit/sdk/contracts/consensus';
import type { Commit, ObjectKind, Objects, Store } from '@swarmkit/sdk/contracts/store';
import type { Random } from '@swarmkit/sdk/plugin/env';
import { isSwarmError } from '@swarmkit/sdk/plugin/errors';
import { aNode } from '@swarmkit/sdk/testkit/fixtures';
import { seededRandom } from '@swarmkit/sdk/testkit/virtual-env';
import { LinkService, type Parcel } from '@swarmkit/sdk/wire/gen/raftlink/link';
import type { Message } from '@swarmkit/sdk/wire/gen/raftpb/raft';
import { NodeRole, NodeStatus_State } from '@swarmkit/sdk/wire/gen/swarmkit/types';
import { AddressRules } from '../check/address-rules.js';
import { Ledger } from '../check/ledger.js';
import { Oracle, versionKey } from '../check/oracle.js';
import { TaskRules } from '../check/task-rules.js';
import { UpdateRules } from '../check/update-rules.js';
import { Verdict } from '../check/verdict.js';
import { Ways } from '../check/ways.js';
import { Life } from '../engine/life.js';
import { nature, Schedule } from '../engine/schedule.js';
import { ControlClient } from '../load/control-client.js';
import { behaviourOf, cpu, megabyte } from '../load/service-load.js';
import { describeChange } from './describe-change.js';
import { failureText, Machine, type PluginSet, type Watcher } from './machine.js';
import { Network } from './network.js';
import { Exchange } from './sim-rpc.js';

export interface WorldOptions {
  readonly seed: string;
  readonly managers: number;
  readonly agents: number;
  readonly managersRunTasks: boolean;
  readonly raft: Readonly<Record<string, unknown>>;
  /** Some managers are as SwarmKit's are, at first one, and all keep their timing while there are any. */
  readonly isMixed: boolean;
  readonly plugins: PluginSet;
  /** The state is compared at every entry that this divides. */
  readonly compareEvery: bigint;
}

export class World implements Watcher {
  readonly schedule = new Schedule();
  readonly verdict = new Verdict();
  readonly ledger = new Ledger(this.verdict);
  readonly oracle = new Oracle(this.verdict);
  readonly taskRules = new TaskRules(this.verdict);
  readonly updateRules = new UpdateRules(this.verdict);
  readonly ways = new Ways();
  readonly addressRules = new AddressRules(this.verdict);
  readonly random: Random;
  readonly network: Network;
  readonly machines: readonly Machine[];
  readonly crashes = { processes: 0, machines: 0, restarts: 0 };
  /** The latest words of daemons, for people. */
  readonly said: string[] = [];
  /** What must be in the state at the end, whatever happened. */
  private readonly acknowledged: { kind: ObjectKind; key: string; at: bigint }[] = [];
  private readonly exchange: Exchange;
  /** Machines whose state is being replaced. */
  private readonly restoring = new Set<string>();

  constructor(readonly options: WorldOptions) {
    const { seed, managers, agents } = options;
    this.random = seededRandom(`${seed}/world`);
    this.network = new Network(this.schedule, seededRandom(`${seed}/network`));
    this.exchange = new Exchange(this.network, (from, path, message) =>
      this.watchRaft(from, path, message),
    );
    this.oracle.add(this.taskRules);
    this.oracle.add(this.updateRules);
    this.oracle.add(this.addressRules);
    const log = this.logger();
    const machine = (name: string, role: 'manager' | 'worker'): Machine => {
      const drift = {
        rate: 1 + (this.random.next() - 0.5) / 50,
        offsetMs: Math.round((this.random.next() - 0.5) * 1_000),
      };
      const made = new Machine(
        {
          name,
          nodeId: `${name.replace('-', '')}node`.padEnd(25, '0'),
          clusterId: 'cluster00000000000000000a',
          role,
          seed,
          drift,
          resources: { nanoCpus: 2n * cpu, memoryBytes: 256n * megabyte },
          runsTasks: role === 'worker' || options.managersRunTasks,
          managers: Array.from({ length: managers }, (_, i) => `manager-${i + 1}:4242`),
          founder: name === 'manager-1',
          raft: options.isMixed ? { ...options.raft, timing: 'auto' } : options.raft,
          speaksOnlySwarmKit: options.isMixed && name === `manager-${managers}`,
          nextIsSwarmKits: () => options.isMixed && this.random.int(3) === 0,
          plugins: options.plugins,
        },
        this.exchange,
        this,
        this.schedule,
        log,
      );
      made.runtime.behave((task) => behaviourOf(seed, task));
      return made;
    };
    this.machines = [
      ...Array.from({ length: managers }, (_, i) => machine(`manager-${i + 1}`, 'manager')),
      ...Array.from({ length: agents }, (_, i) => machine(`agent-${i + 1}`, 'worker')),
    ];
  }

  /** What managers tell each other of their logs. */
  private watchRaft(from: string, path: string, request: unknown): void {
    const told = (message: Message): void => {
      this.ledger.sent(from, message);
      this.ways.sent(message);
    };
    if (path === LinkService.send.path) (request as Parcel).messages.forEach(told);
    else if (path.startsWith('/docker.swarmkit.v1.Raft/')) {
      const { message } = request as { readonly message?: Message };
      if (message !== undefined) told(message);
    }
  }

  get managers(): readonly Machine[] {
    return this.machines.filter((machine) => machine.isManager);
  }

  get leader(): Machine | undefined {
    return this.managers.find(
      (machine) => machine.isUp && machine.consensus?.leadership().leading === true,
    );
  }

  /** Every manager is a member and has applied what the others have. */
  get isWhole(): boolean {
    const count = this.leader?.consensus?.members().length;
    return (
      count === this.managers.length &&
      this.managers.every(({ consensus }) => consensus?.appliedIndex === this.ledger.highest)
    );
  }

  /** Every manager is a member that votes, and knows it: who joined as SwarmKit's do may not, for a while. */
  get isComplete(): boolean {
    const members = this.leader?.consensus?.members() ?? [];
    return this.managers.every(({ consensus }) =>
      members.some(({ raftId, votes }) => votes && raftId === consensus?.raftId),
    );
  }

  /** It calls these managers and no others. */
  client(name: string, managers = this.managers): ControlClient {
    const life = new Life(name, this.schedule);
    const peer = { nodeId: name, clusterId: '', role: 'none', address: `${name}:1` } as const;
    const rpc = this.exchange.client({ host: name, life, clock: life.clock, peer });
    return new ControlClient(
      life,
      rpc,
      managers.map((machine) => `unix:/${machine.name}`),
      seededRandom(`${this.options.seed}/client/${name}`),
    );
  }

  /** Runs events until the fact is true; false when `limitMs` have passed. A broken promise ends it. */
  async until(limitMs: number, fact: () => boolean): Promise<boolean> {
    await this.schedule.run(limitMs, () => this.verdict.isBroken || fact());
    return !this.verdict.isBroken && fact();
  }

  async pass(ms: number): Promise<void> {
    await this.schedule.run(ms, () => this.verdict.isBroken);
  }

  start(machine: Machine): void {
    if (machine.isUp) return;
    if (machine.lives > 0) this.crashes.restarts++;
    machine.start();
  }

  crash(machine: Machine, machineToo: boolean, acts?: number): void {
    if (!machine.isUp) return;
    if (machineToo) this.crashes.machines++;
    else this.crashes.processes++;
    machine.crash(machineToo, acts);
  }

  /** The nodes of all but the founder, as if they had got their certificates. */
  admit(): void {
    const store = this.leader?.store;
    const nodes = this.machines.filter(({ options }) => !options.founder);
    if (store === undefined) return;
    this.schedule.after(0, this.leader?.life ?? nature, 'admits nodes', () => {
      store
        .update({ id: 'nature', writes: ['any'] }, (draft) => {
          for (const { options } of nodes)
            if (draft.get('node', options.nodeId) === undefined)
              draft.create(
                'node',
                aNode({
                  id: options.nodeId,
                  // One that has no agent is never heard of: nothing should wait for it.
                  status: {
                    state: options.runsTasks ? NodeStatus_State.UNKNOWN : NodeStatus_State.DOWN,
                  },
                  ...(options.role === 'manager'
                    ? { role: NodeRole.MANAGER, spec: { desiredRole: NodeRole.MANAGER } }
                    : {}),
                }),
              );
        })
        .catch(() => undefined);
    });
  }

  /** An API said that this was written. */
  readonly acknowledge = <K extends ObjectKind>(kind: K, object: Objects[K]): void => {
    const key = versionKey(kind, object);
    this.acknowledged.push({ kind, key, at: this.oracle.index });
    this.verdict.holds(
      this.oracle.versions.has(key),
      'acknowledged writes',
      () => `${key} was acknowledged and never committed`,
    );
  };

  get acknowledgements(): number {
    return this.acknowledged.length;
  }

  consensus(machine: Machine, consensus: Consensus): void {
    const { life } = machine;
    this.ledger.started(machine.name);
    consensus.leadership$.subscribe((leadership) => {
      if (life?.alive !== true) return;
      if (leadership.leading) this.schedule.note(`${machine.name} leads term ${leadership.term}`);
      this.ledger.leads(machine.name, leadership, consensus.appliedIndex);
    });
  }

  store(machine: Machine, store: Store): void {
    const { life } = machine;
    store.commits$.subscribe((commit) => {
      // What a snapshot brings is no entry of its own.
      if (life?.alive !== true || this.restoring.has(machine.name)) return;
      if (commit.index > this.oracle.index) this.show(commit);
      this.oracle.commit(commit);
    });
  }

  /** A line a change, for people. */
  private show({ index, by, changes }: Commit): void {
    const { schedule } = this;
    if (schedule.trace === undefined) return;
    for (const change of changes)
      schedule.trace(
        `${schedule.now.toFixed(3).padStart(11)}   entry ${index} by ${by.join()}: ${describeChange(change)}`,
      );
  }

  stateMachine(machine: Machine, inner: StateMachine): StateMachine {
    const { name } = machine;
    const compare = (index: bigint): void => {
      void inner.snapshot().then((bytes) => this.ledger.state(name, index, bytes));
    };
    return {
      apply: (entry) => {
        this.ledger.entry(name, entry);
        inner.apply(entry);
        if (entry.index % this.options.compareEvery === 0n) compare(entry.index);
      },
      snapshot: () => inner.snapshot(),
      raftConfig: () => inner.raftConfig?.(),
      canRestore: async (bytes) => (await inner.canRestore?.(bytes)) ?? true,
      restore: async (bytes, index) => {
        this.ledger.restored(name, index);
        this.restoring.add(name);
        await inner.restore(bytes, index);
        this.restoring.delete(name);
        this.ledger.state(name, index, bytes);
      },
    };
  }

  fault(machine: Machine, plugin: string, error: unknown): void {
    // A daemon that cannot begin on a full disk says so, and tries again.
    if (isSwarmError(error) && error.code === 'STORAGE_FULL') return;
    this.verdict.blame('no faults', `${machine.name}: ${plugin}: ${failureText(error)}`);
  }

  private logger(): RootLogger {
    const say = (...words: readonly unknown[]): void => {
      const [fields, message = fields] = words;
      const owner = this.schedule.current.name;
      const err =
        typeof fields === 'object' && fields !== null && 'err' in fields
          ? ` (${failureText(fields.err)})`
          : '';
      const line = `${owner} says: ${String(message)}${err}`;
      this.schedule.trace?.(`${this.schedule.now.toFixed(3).padStart(11)}   ${line}`);
    };
    const log: RootLogger = {
      debug: () => undefined,
      info: say,
      warn: say,
      error: say,
      child: () => log,
    };
    return log;
  }
}
