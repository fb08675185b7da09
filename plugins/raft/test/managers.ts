/**
 * Several whole members in one process: real nodes with a disk each, calling each other over the
 * loopback network on one virtual clock.
 */
import assert from 'node:assert/strict';
import type { MountedService, RpcServer } from '@swarmkit/sdk/contracts/rpc';
import { LoopbackNetwork, type LoopbackServer } from '@swarmkit/sdk/testkit/loopback-rpc';
import { MemoryDisk } from '@swarmkit/sdk/testkit/memory-disk';
import { TapeMachine } from '@swarmkit/sdk/testkit/tape-machine';
import { VirtualClock, VirtualEnv } from '@swarmkit/sdk/testkit/virtual-env';
import { LinkService } from '@swarmkit/sdk/wire/gen/raftlink/link';
import type { RaftConfig } from '../shell/config.js';
import { SingleMember } from './single-member.js';

export class Manager {
  readonly disk = new MemoryDisk();
  server: LoopbackServer;
  member: SingleMember | undefined;
  /** Speaks no more than SwarmKit does. */
  isForeign = false;
  private starts = 0;

  constructor(
    private readonly group: Managers,
    readonly nodeId: string,
    public address: string,
  ) {
    this.server = group.network.server(address);
  }

  get running(): SingleMember {
    assert.ok(this.member, `${this.nodeId} does not run`);
    return this.member;
  }

  get tape(): readonly string[] {
    return this.running.machine.tape;
  }

  /** As every member sees it. */
  get votes(): boolean {
    const { raftId } = this.running.node;
    return this.group.up.every(({ running }) => running.node.isVoter(raftId));
  }

  get leads(): boolean {
    return this.member?.node.leadership().leading ?? false;
  }

  /** Begins to start; resolves when the log is open. */
  async start(config: Partial<RaftConfig> = {}): Promise<void> {
    this.server.up = true;
    const env = new VirtualEnv(`${this.nodeId}/${this.starts++}`, undefined, this.group.clock);
    this.member = new SingleMember(
      this.disk.start(),
      {
        ...this.group.config,
        advertiseAddress: this.address,
        onlySwarmKit: this.isForeign,
        ...config,
      },
      new TapeMachine(),
      env,
      {
        network: this.group.network,
        server: this.isForeign ? withoutLink(this.server) : this.server,
        nodeId: this.nodeId,
      },
    );
    await this.member.start(this.nodeId);
  }

  async stop(): Promise<void> {
    await this.running.node.stop();
    await this.disk.stop();
    this.member = undefined;
  }

  /** As kill -9: what was not synced is lost, connections break. */
  async kill(): Promise<void> {
    const { node } = this.running;
    this.member = undefined;
    this.server.up = false;
    this.disk.crash();
    this.server.cut();
    // Not the manner of a killed process, but nobody can tell: its disk and its network are gone.
    void node.stop().catch(() => undefined);
  }
}

export class Managers {
  readonly clock = new VirtualClock(1_700_000_000_000);
  readonly network = new LoopbackNetwork(this.clock);
  readonly all: Manager[] = [];
  config: Partial<RaftConfig> = {};

  /** A founder and members that joined it. */
  static async of(size: number, config: Partial<RaftConfig> = {}): Promise<Managers> {
    const group = new Managers();
    group.config = config;
    const first = group.add();
    await first.start();
    await group.until(() => first.leads);
    while (group.all.length < size) await group.join(group.add());
    await group.until(() => group.all.every((one) => one.votes));
    return group;
  }

  add(): Manager {
    const number = this.all.length + 1;
    const manager = new Manager(this, `node-${number}`, `10.0.0.${number}:4242`);
    this.all.push(manager);
    return manager;
  }

  async join(manager: Manager): Promise<void> {
    const joinAddresses = this.up.filter((one) => one !== manager).map(({ address }) => address);
    await this.during(manager.start({ joinAddresses }));
  }

  get up(): Manager[] {
    return this.all.filter(({ member }) => member !== undefined);
  }

  get leader(): Manager {
    const leader = this.up.find(({ leads }) => leads);
    assert.ok(leader, 'nobody leads');
    return leader;
  }

  async elected(): Promise<Manager> {
    await this.until(() => this.up.some(({ leads }) => leads));
    return this.leader;
  }

  until(fact: () => boolean, limitMs = 120_000): Promise<void> {
    return this.clock.until(fact, limitMs);
  }

  /** Lets time pass until the promise settles. */
  async during<T>(promise: Promise<T>): Promise<T> {
    let settled = false;
    const end = (): void => {
      settled = true;
    };
    promise.then(end, end);
    await this.until(() => settled);
    return await promise;
  }

  propose(text: string): Promise<unknown> {
    return this.during(this.leader.running.propose(text));
  }

  /** Until all that run have this tape. */
  async agree(tape: readonly string[]): Promise<void> {
    const wanted = tape.join();
    await this.until(() => this.up.every((one) => one.tape.join() === wanted)).catch(() => {
      for (const { nodeId, tape: own } of this.up) assert.deepEqual(own, tape, nodeId);
    });
  }

  async stop(): Promise<void> {
    for (const manager of this.up) {
      assert.deepEqual(manager.running.faults, [], manager.nodeId);
      await manager.stop();
    }
  }
}

/** A server on which our link is not to be had. */
const withoutLink = (server: LoopbackServer): RpcServer => ({
  mount: (service: MountedService) =>
    service.definition === LinkService ? () => undefined : server.mount(service),
  mountStandIn: (standIn) => server.mountStandIn(standIn),
  guard: (authorizer) => server.guard(authorizer),
  endpoints: () => server.endpoints(),
  counters: () => server.counters(),
});
