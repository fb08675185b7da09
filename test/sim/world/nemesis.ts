/** What goes wrong, and when: drawn from the seed, a fault at a time, with the mending of it. */
import type { Member } from '@swarmkit/sdk/contracts/consensus';
import type { Random } from '@swarmkit/sdk/plugin/env';
import { nature } from '../engine/schedule.js';
import type { Machine } from './machine.js';
import { calm } from './network.js';
import type { World } from './world.js';

export class Nemesis {
  readonly counts = {
    partitions: 0,
    oneWayCuts: 0,
    storms: 0,
    slowDisks: 0,
    fullDisks: 0,
    runtimesDown: 0,
    containersKilled: 0,
    'members removed': 0,
    'leadership handed over': 0,
  };
  private stopped = false;

  constructor(
    private readonly world: World,
    private readonly random: Random,
    private readonly pauseMs: number,
    /** The others may soon have another leader, of which this one knows nothing. */
    private readonly onIsolated: (leader: Machine) => void,
  ) {}

  begin(): void {
    this.next();
  }

  /** No more faults, and everything that was broken is whole again, except what is down. */
  heal(): void {
    this.stopped = true;
    const { network, machines } = this.world;
    network.mendAll();
    network.weather = calm;
    for (const machine of machines) {
      machine.diskWeather = { minMs: 0.2, maxMs: 2, slow: 0, slowMs: 0 };
      machine.disk.full = false;
      machine.runtime.available = true;
    }
  }

  private next(): void {
    this.after(this.random.next() * this.pauseMs, () => {
      this.strike();
      this.next();
    });
  }

  private after(ms: number, act: () => void): void {
    this.world.schedule.after(ms, nature, 'nemesis', () => {
      if (!this.stopped) act();
    });
  }

  private pick(): Machine {
    const { machines } = this.world;
    return machines[this.random.int(machines.length)] as Machine;
  }

  private strike(): void {
    const { random, world } = this;
    const machine = this.pick();
    switch (random.int(world.managers.length > 1 ? 13 : 10)) {
      case 0:
      case 1:
        this.crash(machine);
        return;
      case 2:
        this.crash(world.managers[random.int(world.managers.length)] as Machine);
        return;
      case 3:
        this.partition();
        return;
      case 4:
        this.cut(machine, this.pick());
        return;
      case 5:
        this.storm();
        return;
      case 6:
        this.slowDisk(machine);
        return;
      case 7:
        this.fullDisk(machine);
        return;
      case 8:
        this.runtimeDown(machine);
        return;
      case 9:
        this.killContainer(machine);
        return;
      case 10:
        this.removeMember();
        return;
      case 11:
        this.handOver();
        return;
      default:
        this.isolateLeader();
    }
  }

  private crash(machine: Machine): void {
    const { random, world } = this;
    if (!machine.isUp) return;
    world.crash(machine, random.int(3) === 0, random.int(2) === 0 ? random.int(60) : undefined);
    const again = (): void => {
      if (machine.isUp) this.after(500, again);
      else world.start(machine);
    };
    this.after(random.next() * 6_000, again);
  }

  /** The machines fall into two halves that do not hear each other. */
  private partition(): void {
    const { random, world } = this;
    this.counts.partitions++;
    const here = world.machines.filter(() => random.int(2) === 0);
    const links: [string, string][] = [];
    for (const a of here)
      for (const b of world.machines)
        if (!here.includes(b)) links.push([a.name, b.name], [b.name, a.name]);
    for (const [a, b] of links) world.network.cut(a, b);
    this.after(random.next() * 12_000, () => {
      for (const [a, b] of links) world.network.mend(a, b);
    });
  }

  /** The leader hears nobody, or nobody hears the leader, or both. */
  private isolateLeader(): void {
    const { random, world } = this;
    const { leader } = world;
    if (leader === undefined) return;
    this.counts.partitions++;
    const ways = 1 + random.int(3);
    const links = world.managers
      .filter((other) => other !== leader)
      .flatMap((other): [string, string][] => [
        ...(ways & 1 ? ([[leader.name, other.name]] as [string, string][]) : []),
        ...(ways & 2 ? ([[other.name, leader.name]] as [string, string][]) : []),
      ]);
    for (const [a, b] of links) world.network.cut(a, b);
    this.onIsolated(leader);
    this.after(random.next() * 12_000, () => {
      for (const [a, b] of links) world.network.mend(a, b);
    });
  }

  /** One leaves the group, and comes back as a new member. */
  private removeMember(): void {
    const { random, world } = this;
    const { membership, life, consensus } = world.leader ?? {};
    if (membership === undefined || life === undefined || consensus === undefined) return;
    const members = membership.members();
    const member = this.engine(members) ?? members[random.int(members.length)];
    if (member === undefined || members.length < 3) return;
    // One at a time, as the recipe says: of voters that do not know it yet there must be no majority.
    if (world.options.isMixed && !world.isComplete) return;
    life.later(0, 'removes a member', () => {
      membership.remove(member.raftId).then(
        () => {
          this.counts['members removed']++;
        },
        () => undefined,
      );
    });
  }

  /** With the last of them the others change their ways. */
  private engine(members: readonly Member[]): Member | undefined {
    const { random, world } = this;
    if (!world.options.isMixed || random.int(2) === 0) return undefined;
    const engines = world.managers.filter(({ isSwarmKits }) => isSwarmKits);
    return members.find(({ nodeId }) => engines.some(({ options }) => options.nodeId === nodeId));
  }

  private handOver(): void {
    const { membership, life } = this.world.leader ?? {};
    if (membership === undefined || life === undefined) return;
    life.later(0, 'hands over', () => {
      membership.transferLeadership().then(
        () => {
          this.counts['leadership handed over']++;
        },
        () => undefined,
      );
    });
  }

  private cut(a: Machine, b: Machine): void {
    if (a === b) return;
    const { random, world } = this;
    this.counts.oneWayCuts++;
    world.network.cut(a.name, b.name);
    this.after(random.next() * 12_000, () => world.network.mend(a.name, b.name));
  }

  private storm(): void {
    const { random, world } = this;
    this.counts.storms++;
    world.network.weather = {
      minMs: 0.2,
      maxMs: 20,
      slow: random.next() / 5,
      slowMs: random.int(3_000),
      reset: random.next() / 20,
      twice: random.next() / 5,
    };
    this.after(random.next() * 8_000, () => {
      world.network.weather = calm;
    });
  }

  private slowDisk(machine: Machine): void {
    const { random } = this;
    this.counts.slowDisks++;
    machine.diskWeather = {
      minMs: 1,
      maxMs: 50,
      slow: random.next() / 2,
      slowMs: random.int(3_000),
    };
    this.after(random.next() * 8_000, () => {
      machine.diskWeather = { minMs: 0.2, maxMs: 2, slow: 0, slowMs: 0 };
    });
  }

  private fullDisk(machine: Machine): void {
    const { random } = this;
    this.counts.fullDisks++;
    machine.disk.full = true;
    this.after(random.next() * 5_000, () => {
      machine.disk.full = false;
    });
  }

  private runtimeDown(machine: Machine): void {
    const { random } = this;
    this.counts.runtimesDown++;
    machine.runtime.available = false;
    this.after(random.next() * 6_000, () => {
      machine.runtime.available = true;
    });
  }

  private killContainer(machine: Machine): void {
    const { random } = this;
    const running = machine.runtime.running();
    const id = running[random.int(Math.max(1, running.length))];
    if (id === undefined) return;
    this.counts.containersKilled++;
    if (random.int(2) === 0) machine.runtime.exit(id, random.int(2));
    else machine.runtime.vanish(id);
  }
}
