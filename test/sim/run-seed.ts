/**
 * One seed from beginning to end, in two acts: faults with every promise checked all the way, then all
 * is mended and the cluster must come right within a bound of virtual time.
 */
import { isJob } from '@swarmkit/sdk/model/task';
import { seededRandom } from '@swarmkit/sdk/testkit/virtual-env';
import { checkConverged } from './check/convergence.js';
import { Votes } from './check/votes.js';
import { takeOverImmediates } from './engine/schedule.js';
import { takeOverCombinedSignals } from './engine/signals.js';
import { healServices } from './load/heal.js';
import { Registers } from './load/registers.js';
import { ServiceLoad } from './load/service-load.js';
import type { Machine, PluginSet } from './world/machine.js';
import { Nemesis } from './world/nemesis.js';
import { World } from './world/world.js';

export type Profile = 'raft' | 'orchestration' | 'all';

export interface SeedOptions {
  readonly seed: number;
  readonly profile: Profile;
  readonly plugins: PluginSet;
  readonly trace?: (line: string) => void;
  /** No faults, for people who look for the fault in the simulator. */
  readonly calm?: boolean;
}

export interface SeedReport {
  readonly seed: number;
  readonly broken: readonly { readonly checker: string; readonly sentence: string }[];
  readonly fingerprint: string;
  readonly virtualMs: number;
  readonly counts: Readonly<Record<string, number>>;
}

const BOOT_MS = 60_000;
const CONVERGE_MS = 240_000;
/** Longer than it takes the others to have another leader. */
const RUSH_MS = 4_000;

let running: World | undefined;
let isPrepared = false;

export async function runSeed(options: SeedOptions): Promise<SeedReport> {
  if (!isPrepared) {
    takeOverImmediates(() => running?.schedule);
    takeOverCombinedSignals();
  }
  isPrepared = true;
  const { seed, profile } = options;
  const name = `seed ${seed}`;
  const dice = seededRandom(`${name}/shape`);
  const forRaft = profile === 'raft' || (profile === 'all' && dice.int(2) === 0);
  const managers = [1, 2, 3, 3, 3, 5][dice.int(forRaft ? 6 : 4)] as number;
  const world = new World({
    seed: name,
    managers,
    agents: 1 + dice.int(forRaft ? 1 : 3),
    managersRunTasks: dice.int(2) === 0,
    raft: {
      timing: 'fast',
      snapshotInterval: 10 + dice.int(40),
      keepEntries: dice.int(10),
    },
    isMixed: managers > 1 && dice.int(6) === 0,
    plugins: options.plugins,
    compareEvery: BigInt(5 + dice.int(20)),
  });
  running = world;
  world.schedule.trace = options.trace;
  const rejected = (error: unknown): void =>
    world.verdict.blame('no rejection is lost', String((error as Error)?.stack ?? error));
  process.on('unhandledRejection', rejected);
  try {
    const play = new Play(world, forRaft, profile === 'raft', options.calm === true);
    await play.run(seededRandom(`${name}/play`).int(40_000) + 30_000);
    return {
      seed,
      broken: world.verdict.broken,
      fingerprint: world.schedule.fingerprint,
      virtualMs: world.schedule.now,
      counts: play.counts(),
    };
  } finally {
    process.off('unhandledRejection', rejected);
    running = undefined;
  }
}

class Play {
  private rushed = 0;
  private readonly mixed = { 'ended quick': 0, 'ended slow': 0 };
  private readonly nemesis: Nemesis;
  private readonly registers: Registers;
  private readonly load: ServiceLoad;
  private readonly clients = ['client-1', 'client-2', 'client-3'].map((name) =>
    this.world.client(name),
  );

  constructor(
    private readonly world: World,
    private readonly forRaft: boolean,
    /** At leaders that are cut off. */
    private readonly rushes: boolean,
    private readonly calm: boolean,
  ) {
    const { options, schedule, acknowledge } = world;
    this.nemesis = new Nemesis(
      world,
      seededRandom(`${options.seed}/nemesis`),
      forRaft ? 3_000 : 5_000,
      (leader) => this.rush(leader),
    );
    this.registers = new Registers(
      2,
      () => schedule.now,
      (config) => acknowledge('config', config),
      world.verdict,
    );
    this.load = new ServiceLoad(
      this.clients[2] as (typeof this.clients)[2],
      acknowledge,
      forRaft ? 2 : 4,
      world.machines
        .filter(({ options }) => options.runsTasks)
        .map(({ options }) => options.nodeId),
    );
  }

  async run(faultsMs: number): Promise<void> {
    const { world, nemesis, registers } = this;
    await this.boot();
    if (!this.calm) nemesis.begin();
    await world.pass(faultsMs);
    nemesis.heal();
    registers.stop();
    this.load.stop();
    for (const machine of world.machines) {
      // One that was told to die at a later act does so now.
      if (machine.isUp && machine.life?.isDoomed) machine.crash(false);
      world.start(machine);
    }
    await this.converge();
    if (!world.verdict.isBroken) registers.check();
  }

  private async boot(): Promise<void> {
    const { world, registers, load, clients, forRaft } = this;
    for (const machine of world.machines) world.start(machine);
    const leads = await world.until(BOOT_MS, () => world.leader !== undefined);
    if (!leads) {
      world.verdict.blame('liveness', 'nobody leads after the start');
      return;
    }
    world.admit();
    const waits = world.random.int(2) === 0;
    // One that SwarmKit's way of joining makes a voter before it knows can be waited for in vain.
    if (waits || world.options.isMixed) await world.until(BOOT_MS, () => world.isWhole);
    const [one, two] = clients as [(typeof clients)[0], (typeof clients)[0], (typeof clients)[0]];
    one.life.later(0, 'begins', () => {
      void registers.create(one).then(() => {
        void registers.work('one', one, forRaft ? 1_500 : 6_000);
        two.life.later(0, 'begins', () => void registers.work('two', two, forRaft ? 1_500 : 6_000));
      });
    });
    (clients[2] as (typeof clients)[0]).life.later(
      1_000,
      'begins',
      () => void load.work(forRaft ? 6_000 : 3_000),
    );
  }

  /** One user stays with the leader that is cut off, another goes to the managers that are not. */
  private rush(leader: Machine): void {
    const { world, registers } = this;
    if (!this.rushes) return;
    const name = `rush-${++this.rushed}`;
    const others = world.managers.filter((other) => other !== leader);
    const clients = [
      world.client(`${name}-leader`, [leader]),
      world.client(`${name}-others`, others),
    ];
    registers.rush(name, clients, RUSH_MS);
  }

  private async converge(): Promise<void> {
    const { world, load } = this;
    if (world.verdict.isBroken) return;
    const client = world.client('healer');
    let healed = false;
    client.life.later(6_000, 'heals', () => {
      void healServices(world, client, load).then(() => {
        healed = true;
      });
    });
    let why: string | undefined;
    let nextLook = 0;
    let converged = false;
    const votes = new Votes(world);
    await world.until(CONVERGE_MS, () => {
      if (world.schedule.now < nextLook) return false;
      nextLook = world.schedule.now + 250;
      votes.look();
      if (!healed) return false;
      why = checkConverged(world);
      converged = why === undefined;
      return converged;
    });
    if (!converged) {
      if (!world.verdict.isBroken)
        world.verdict.blame('convergence', why ?? 'the users got no answer');
      return;
    }
    // And it stays so.
    const { leader } = world;
    world.ways.listen(world.schedule.now);
    await world.pass(8_000);
    if (leader !== undefined && leader === world.leader) this.checkWays();
    let after = checkConverged(world);
    // The last write may be on its way to the others at the very moment.
    if (after !== undefined) {
      await world.pass(100);
      after = checkConverged(world);
    }
    if (!world.verdict.isBroken && after !== undefined)
      world.verdict.blame('convergence', `it did not last: ${after}`);
  }

  private checkWays(): void {
    const { ways, schedule, managers, options, verdict } = this.world;
    if (managers.length === 1 || verdict.isBroken) return;
    const quick = !options.isMixed || managers.every(({ isSwarmKits }) => !isSwarmKits);
    const wrong = ways.heard(schedule.now, managers.length - 1, quick);
    if (wrong !== undefined) verdict.blame('whose ways', wrong);
    if (options.isMixed) this.mixed[quick ? 'ended quick' : 'ended slow']++;
  }

  counts(): Readonly<Record<string, number>> {
    const { world, nemesis, registers, load, clients } = this;
    const { network, ledger, oracle, taskRules, updateRules, crashes, machines } = world;
    const sum = (of: (client: (typeof clients)[0]) => number): number =>
      clients.reduce((all, client) => all + of(client), 0);
    return {
      events: world.schedule.events,
      ...prefixed('crashed ', crashes),
      'batches lost': machines.reduce((all, machine) => all + machine.lostWrites, 0),
      'batches torn': machines.reduce((all, machine) => all + machine.tornWrites, 0),
      elections: ledger.elections,
      commits: oracle.commits,
      ...prefixed('messages ', network.counts),
      ...nemesis.counts,
      ...prefixed('mixed, ', this.mixed),
      calls: sum(({ counts }) => counts.calls),
      'calls acknowledged': sum(({ counts }) => counts.acknowledged),
      'calls unknown': sum(({ counts }) => counts.unknown),
      'register operations': registers.operations,
      'service operations': load.operations,
      'writes acknowledged': world.acknowledgements,
      'tasks made': taskRules.created,
      'tasks placed': taskRules.placements,
      updates: updateRules.updates,
      'update attempts': updateRules.attempts,
      rollbacks: updateRules.rollbacks,
      pauses: updateRules.pauses,
      jobs: [...oracle.all('service')].filter(isJob).length,
    };
  }
}

const prefixed = (prefix: string, counts: object): Record<string, number> =>
  Object.fromEntries(
    Object.entries(counts as Record<string, number>).map(([key, count]) => [prefix + key, count]),
  );
