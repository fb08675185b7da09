/**
 * Membership of the group: who belongs to it, and the changes of that, one at a time. Changes are entries
 * of the log like others; what they do to the roster happens when they are applied.
 */
import type { Member } from '@swarmkit/sdk/contracts/consensus';
import type { Membership } from '@swarmkit/sdk/contracts/membership';
import type { Channel, Logger } from '@swarmkit/sdk/plugin/plugin';
import { ConfChange, ConfChangeType } from '@swarmkit/sdk/wire/gen/raftpb/raft';
import { RaftMember } from '@swarmkit/sdk/wire/gen/swarmkit/raft';
import type { Observable } from 'rxjs';
import { parseAddress } from './address.js';
import { badAddress, memberLeads, memberUnknown, wouldLoseQuorum } from './raft-error.js';

/** What a change needs of the node that drives the log. */
export interface GroupDriver {
  readonly raftId: bigint;
  readonly roster: { readonly members: readonly RaftMember[]; removed: readonly bigint[] };
  isReachable(raftId: bigint): boolean;
  isVoter(raftId: bigint): boolean;
  /** A new member that can `features` may begin without a vote. */
  mayLearn(features: number): boolean;
  newRaftId(): bigint;
  /** Resolves when the change was applied here. */
  change(change: ConfChange): Promise<void>;
  transfer(to: bigint | undefined): Promise<void>;
  readIndex(): Promise<bigint>;
}

export class Group implements Membership {
  readonly members$: Observable<readonly Member[]>;
  private last: Promise<unknown> = Promise.resolve();

  constructor(
    private readonly driver: GroupDriver,
    private readonly channel: Channel<readonly Member[]>,
    private readonly log: Logger,
  ) {
    this.members$ = channel.facts$;
    channel.publish([]);
  }

  /** The roster or somebody's reachability changed. */
  changed(): void {
    this.channel.publish(this.members());
  }

  members(): readonly Member[] {
    const { driver } = this;
    return driver.roster.members.map(({ raftId, nodeId, addr }) => ({
      raftId,
      nodeId,
      address: addr,
      reachable: raftId === driver.raftId || driver.isReachable(raftId),
      votes: driver.isVoter(raftId),
    }));
  }

  removed(): readonly bigint[] {
    return this.driver.roster.removed;
  }

  add(member: { readonly nodeId: string; readonly address: string }): Promise<Member> {
    return this.admit({ ...member, features: 0, fresh: false });
  }

  /** As `add`, with what the member can. */
  async admit(wanted: {
    readonly nodeId: string;
    readonly address: string;
    readonly features: number;
    /** It has no log: as a member it would forget what it has promised. */
    readonly fresh: boolean;
  }): Promise<Member> {
    const { nodeId, address, features, fresh } = wanted;
    if (parseAddress(address) === undefined) throw badAddress(address);
    return await this.inTurn(async () => {
      const known = this.driver.roster.members.find((member) => member.nodeId === nodeId);
      if (known !== undefined && fresh) await this.removeNow(known.raftId);
      if (known === undefined || fresh) {
        const record = RaftMember.create({
          raftId: this.freshId(),
          nodeId,
          addr: address,
          features,
        });
        const type = this.driver.mayLearn(features)
          ? ConfChangeType.ConfChangeAddLearnerNode
          : ConfChangeType.ConfChangeAddNode;
        await this.driver.change(changeOf(type, record));
        this.log.info(
          { member: record.raftId.toString(16), node: nodeId, address },
          'a manager joined',
        );
        return this.member(record.raftId);
      }
      if (known.addr !== address || known.features !== features)
        await this.update({ ...known, addr: address, features });
      return this.member(known.raftId);
    });
  }

  /**
   * Sets what is known of a member: its address, what it can. `change` is given its record as it is when the turn
   * comes; by then it may be another one, or gone.
   */
  async refresh(raftId: bigint, change: (record: RaftMember) => RaftMember): Promise<void> {
    await this.inTurn(async () => {
      const record = this.driver.roster.members.find((member) => member.raftId === raftId);
      if (record === undefined) return;
      const changed = change(record);
      if (changed.addr !== record.addr || changed.features !== record.features)
        await this.update(changed);
    });
  }

  /** A member that has caught up gets its vote. */
  async promote(raftId: bigint): Promise<void> {
    await this.inTurn(async () => {
      const record = this.driver.roster.members.find((member) => member.raftId === raftId);
      if (record === undefined || this.driver.isVoter(raftId)) return;
      await this.driver.change(changeOf(ConfChangeType.ConfChangeAddNode, record));
      this.log.info(
        { member: raftId.toString(16) },
        'a manager has caught up and votes from now on',
      );
    });
  }

  async remove(raftId: bigint): Promise<void> {
    await this.inTurn(() => this.removeNow(raftId));
  }

  private async removeNow(raftId: bigint): Promise<void> {
    this.member(raftId);
    if (!this.canRemove(raftId)) throw wouldLoseQuorum();
    // It could not say any more that it worked.
    if (raftId === this.driver.raftId) throw memberLeads();
    await this.driver.change(
      ConfChange.create({ type: ConfChangeType.ConfChangeRemoveNode, nodeId: raftId }),
    );
    this.log.info({ member: raftId.toString(16) }, 'a manager was removed from the group');
  }

  canRemove(raftId: bigint): boolean {
    const voters = this.members().filter(({ votes }) => votes);
    const rest = voters.filter((member) => member.raftId !== raftId);
    // Who has no vote is not missed.
    if (rest.length === voters.length && rest.length > 0) return true;
    const reachable = rest.filter((member) => member.reachable).length;
    return reachable >= Math.floor(rest.length / 2) + 1;
  }

  async transferLeadership(to?: bigint): Promise<void> {
    if (to !== undefined) this.member(to);
    await this.driver.transfer(to);
  }

  readIndex(): Promise<bigint> {
    return this.driver.readIndex();
  }

  private async update(record: RaftMember): Promise<void> {
    await this.driver.change(changeOf(ConfChangeType.ConfChangeUpdateNode, record));
    const { raftId, addr } = record;
    this.log.info(
      { member: raftId.toString(16), address: addr },
      'the record of a manager changed',
    );
  }

  private member(raftId: bigint): Member {
    const member = this.members().find((one) => one.raftId === raftId);
    if (member === undefined) throw memberUnknown(raftId);
    return member;
  }

  private freshId(): bigint {
    const { members, removed } = this.driver.roster;
    for (;;) {
      const id = this.driver.newRaftId();
      if (!removed.includes(id) && !members.some(({ raftId }) => raftId === id)) return id;
    }
  }

  /** One change at a time, in the order they were asked for. */
  private inTurn<T>(work: () => Promise<T>): Promise<T> {
    const mine = this.last.then(work);
    this.last = mine.catch(() => undefined);
    return mine;
  }
}

const changeOf = (type: ConfChangeType, record: RaftMember): ConfChange =>
  ConfChange.create({
    type,
    nodeId: record.raftId,
    context: Buffer.from(RaftMember.encode(record).finish()),
  });
