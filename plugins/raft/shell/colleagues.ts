/**
 * Everything that this member has to do with the others, wired together: the way to them, what they call
 * here, membership, and the joining side. The node drives the log and asks here for the rest.
 */
import type { Consensus, Member, StateMachine } from '@swarmkit/sdk/contracts/consensus';
import type { KnownManagers } from '@swarmkit/sdk/contracts/identity';
import type { MountedService, RpcClient, RpcServer } from '@swarmkit/sdk/contracts/rpc';
import type { Env } from '@swarmkit/sdk/plugin/env';
import { messageOf } from '@swarmkit/sdk/plugin/errors';
import type { Channel, Logger } from '@swarmkit/sdk/plugin/plugin';
import type { Message } from '@swarmkit/sdk/wire/gen/raftpb/raft';
import type { JoinResponse, RaftMember } from '@swarmkit/sdk/wire/gen/swarmkit/raft';
import { Feature, OUR_FEATURES } from '../core/features.js';
import type { Roster } from '../core/roster.js';
import { isUnspecified, ownAddress, parseAddress } from './address.js';
import { newRaftId } from './bootstrap.js';
import type { RaftConfig } from './config.js';
import { Group } from './group.js';
import { askToJoin } from './join.js';
import { membershipService } from './membership-service.js';
import type { Beginning } from './open-log.js';
import { badOwnAddress } from './raft-error.js';
import { Receiver } from './receiver.js';
import { Refusals } from './refusals.js';
import { SnapshotIntake } from './snapshot-intake.js';
import type { Steering } from './steering.js';
import { Transport } from './transport.js';

export interface ColleaguesOptions {
  readonly server: RpcServer;
  readonly client: RpcClient;
  readonly env: Env;
  readonly log: Logger;
  readonly config: RaftConfig;
  readonly members: Channel<readonly Member[]>;
  readonly known?: KnownManagers | undefined;
}

/** The node, as seen from here. */
export interface Driver extends Pick<Consensus, 'raftId' | 'leadership'> {
  readonly roster: Roster;
  step(message: Message): void;
  lost(raftId: bigint): void;
  snapshotSent(raftId: bigint, arrived: boolean): void;
  fillSnapshot(message: Message): Promise<Message>;
  readonly steering: Pick<Steering, 'change' | 'transfer' | 'readIndex' | 'seemsDead' | 'refused'>;
  readonly allOurs: boolean;
  isVoter(raftId: bigint): boolean;
  /** What members can, as far as it is known here. */
  know(members: readonly RaftMember[]): void;
  expel(): void;
}

export class Colleagues {
  readonly group: Group;
  /** Messages of others that were not taken. */
  readonly refusals: Refusals;
  /** Says of a snapshot whether it can be read. */
  machine: StateMachine | undefined;
  private readonly transport: Transport;
  private readonly receiver: Receiver;
  private tidying = false;
  /** What the others may count on. Who keeps to SwarmKit's timing makes all keep to it. */
  private readonly ownFeatures: number;
  private readonly promoting = new Set<bigint>();
  /** Whom a join told us of. */
  private met: readonly RaftMember[] = [];
  /** It was taken in in an earlier life, and has no log yet. */
  private isBlank = false;

  constructor(
    private readonly options: ColleaguesOptions,
    private readonly node: Driver,
  ) {
    const { client, env, log, config } = options;
    const { roster } = node;
    this.ownFeatures = featuresUnder(config);
    this.transport = new Transport({
      client,
      clock: env.clock,
      log,
      greeting: () => ({ raftId: node.raftId, features: this.ownFeatures }),
      fillSnapshot: (message) => node.fillSnapshot(message),
      lost: (raftId) => node.lost(raftId),
      snapshotSent: (raftId, arrived) => node.snapshotSent(raftId, arrived),
      changed: () => this.changed(),
      refused: (raftId) => node.steering.seemsDead(raftId),
      expelled: () => node.expel(),
    });
    this.refusals = new Refusals(env.clock, log);
    this.receiver = new Receiver({
      raftId: () => node.raftId,
      features: () => this.ownFeatures,
      isRemoved: (raftId) => roster.isRemoved(raftId),
      member: (raftId) => this.memberOrMet(raftId),
      isServing: async (raftId) => (await this.transport.peer(raftId)?.isServing()) ?? false,
      step: (message) => node.step(message),
      refused: () => node.steering.refused(),
      snapshots: new SnapshotIntake(env.clock, () => this.machine),
      refusals: this.refusals,
    });
    this.group = new Group(
      {
        get raftId() {
          return node.raftId;
        },
        roster,
        isReachable: (raftId) => this.transport.isReachable(raftId),
        isVoter: (raftId) => node.isVoter(raftId),
        mayLearn: (features) => node.allOurs && (features & OUR_FEATURES) === OUR_FEATURES,
        newRaftId: () => newRaftId(env.random),
        change: (change) => node.steering.change(change),
        transfer: (to) => node.steering.transfer(to),
        readIndex: () => node.steering.readIndex(),
      },
      options.members,
      log,
    );
  }

  services(): readonly MountedService[] {
    const { group, node } = this;
    const membership = membershipService({
      group,
      client: this.options.client,
      raftId: () => node.raftId,
      isLeading: () => node.leadership().leading,
      members: () => node.roster.members,
    });
    return [...this.receiver.services(), membership];
  }

  /**
   * A newcomer without a log counts as a voter already where an engine leads. It knows the others by what it
   * was answered when it joined: were it deaf to them, a leader that dies now could leave no majority.
   */
  private memberOrMet(raftId: bigint): RaftMember | undefined {
    return this.node.roster.member(raftId) ?? this.met.find((one) => one.raftId === raftId);
  }

  /** What is to be known where there is no log yet. Refuses an address that would lead all others astray. */
  beginning(signal: AbortSignal): Beginning {
    const { advertiseAddress } = this.options.config;
    if (advertiseAddress !== undefined && parseAddress(advertiseAddress) === undefined)
      throw badOwnAddress(advertiseAddress);
    return {
      random: this.options.env.random,
      features: this.ownFeatures,
      ownAddress: () => this.ownAddress(),
      mustJoin: () => this.joinAddresses().length > 0 || this.options.known?.founder() === false,
      forceNewCluster: this.options.config.forceNewCluster,
      log: this.options.log,
      wasTakenIn: (met) => {
        this.met = met;
        this.isBlank = true;
      },
      join: () => this.join(signal, true),
    };
  }

  /** How the others reach this node, as far as it can know; empty when it cannot be reached. */
  private ownAddress(): string {
    const listening = this.listening();
    const parsed = parseAddress(listening);
    return parsed !== undefined && isUnspecified(parsed.host) ? ownAddress(parsed.port) : listening;
  }

  /** `fresh`: there is no log here. */
  private async join(signal: AbortSignal, fresh: boolean): Promise<JoinResponse | undefined> {
    const { client, env, log } = this.options;
    const joined = await askToJoin({
      client,
      clock: env.clock,
      log,
      signal,
      addresses: () => [...new Set([...this.joinAddresses(), ...this.metAddresses()])],
      request: { addr: this.listening(), features: this.ownFeatures, fresh },
    });
    // Until the log tells who the members are, this is how the first answers find their way.
    this.met = joined?.members ?? this.met;
    return joined;
  }

  /** The log is open and its history applied or on its way. */
  begin(signal: AbortSignal): void {
    this.introduce();
    void (this.isBlank ? this.askAgain(signal) : this.announce(signal));
  }

  private introduce(): void {
    for (const { raftId, addr } of this.met) this.transport.introduce(raftId, addr);
  }

  private metAddresses(): readonly string[] {
    const others = this.met.filter(
      ({ raftId, addr }) => raftId !== this.node.raftId && addr !== '',
    );
    return others.map(({ addr }) => addr);
  }

  /** It may have been removed, or the others moved, before it had a log that could tell. */
  private async askAgain(signal: AbortSignal): Promise<void> {
    const joined = await this.join(signal, false);
    if (joined === undefined) return;
    if (joined.raftId === this.node.raftId) this.introduce();
    else this.node.expel();
  }

  send(messages: readonly Message[]): void {
    this.transport.send(messages);
  }

  isReachable(raftId: bigint): boolean {
    return this.transport.isReachable(raftId);
  }

  rosterChanged(): void {
    const { roster } = this.node;
    this.transport.follow(roster.members, (raftId) => roster.isRemoved(raftId));
    this.changed();
  }

  /** Leader: this member has caught up. */
  promote(raftId: bigint): void {
    if (this.promoting.has(raftId)) return;
    this.promoting.add(raftId);
    void this.group
      .promote(raftId)
      .catch((error: unknown) => {
        this.options.log.debug(`a member does not vote yet: ${messageOf(error)}`);
      })
      .finally(() => this.promoting.delete(raftId));
  }

  /** Leader: writes down what it has learned of the members since their records were made. */
  tidyRecords(): void {
    if (this.tidying) return;
    this.tidying = true;
    void this.tidy().finally(() => {
      this.tidying = false;
    });
  }

  end(): void {
    this.transport.close();
  }

  private joinAddresses(): readonly string[] {
    const { config, known } = this.options;
    const others = known?.others().map(({ address }) => address) ?? [];
    return [...new Set([...config.joinAddresses, ...others])];
  }

  private changed(): void {
    const { node } = this;
    node.know(
      node.roster.members.map((member) => ({ ...member, features: this.featuresOf(member) })),
    );
    this.group.changed();
    if (node.leadership().leading) this.tidyRecords();
  }

  private featuresOf({ raftId, features }: RaftMember): number {
    if (raftId === this.node.raftId) return this.ownFeatures;
    return this.transport.peer(raftId)?.features ?? features;
  }

  /** Where the others are to call us: said to us, or found out from what we listen on. */
  private listening(): string {
    const { config, server } = this.options;
    const remote = server.endpoints().find(({ exposure }) => exposure === 'remote');
    return config.advertiseAddress ?? remote?.address ?? '';
  }

  /** SwarmKit's managers know nothing of features; who keeps to their ways writes nothing of them down. */
  private async tidy(): Promise<void> {
    const { node, options } = this;
    const asKnown = (record: RaftMember): RaftMember => ({
      ...record,
      features: this.ownFeatures === 0 ? record.features : this.featuresOf(record),
      addr: record.raftId === node.raftId ? this.recordedAddress(record.addr) : record.addr,
    });
    for (const record of node.roster.members) {
      const { features, addr } = asKnown(record);
      if (features === record.features && addr === record.addr) continue;
      try {
        await this.group.refresh(record.raftId, asKnown);
      } catch (error) {
        // Done again by the next leader, or at the next news of a member.
        options.log.debug(`the record of a member stays as it is: ${messageOf(error)}`);
        return;
      }
    }
  }

  /** What our own record should say. Changed only on somebody's word, not because interfaces differ. */
  private recordedAddress(recorded: string): string {
    return this.options.config.advertiseAddress ?? (recorded === '' ? this.ownAddress() : recorded);
  }

  /** After a restart: the leader is told where we are now, and tells the others. */
  private async announce(signal: AbortSignal): Promise<void> {
    const { client, env, log } = this.options;
    const { node } = this;
    const others = (): readonly string[] =>
      node.roster.members
        .filter(({ raftId, addr }) => raftId !== node.raftId && addr !== '')
        .map(({ addr }) => addr);
    const addr = this.listening();
    const recorded = node.roster.member(node.raftId)?.addr;
    if (recorded === undefined || recorded === addr || addr === '' || others().length === 0) return;
    const request = { addr, features: this.ownFeatures, fresh: false };
    await askToJoin({ client, clock: env.clock, log, signal, addresses: others, request });
  }
}

function featuresUnder({ onlySwarmKit, timing }: RaftConfig): number {
  if (onlySwarmKit) return 0;
  return timing === 'swarmkit' ? OUR_FEATURES & ~Feature.fastTicks : OUR_FEATURES;
}
