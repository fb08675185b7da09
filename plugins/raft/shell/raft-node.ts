/**
 * Drives the core: gives it time, messages and proposals, and does what its `ready` asks for, one at a
 * time: send what may leave at once, write, then promise, then advance. Proposals made while a write is
 * in flight are in the next one. Never answers a caller before its entry is on disk and applied.
 */
import type {
  Consensus,
  Leadership,
  Member,
  Proposed,
  StateMachine,
} from '@swarmkit/sdk/contracts/consensus';
import type { DataKeys } from '@swarmkit/sdk/contracts/data-keys';
import type { KnownManagers } from '@swarmkit/sdk/contracts/identity';
import type { RpcClient, RpcServer, Unmount } from '@swarmkit/sdk/contracts/rpc';
import type { Storage } from '@swarmkit/sdk/contracts/storage';
import type { Cancel, Env } from '@swarmkit/sdk/plugin/env';
import { invariant } from '@swarmkit/sdk/plugin/errors';
import type { Channel, Logger } from '@swarmkit/sdk/plugin/plugin';
import { ConfState, type Entry, type Message } from '@swarmkit/sdk/wire/gen/raftpb/raft';
import type { RaftMember } from '@swarmkit/sdk/wire/gen/swarmkit/raft';
import type { Observable } from 'rxjs';
import { ORIGIN } from '../core/log.js';
import { Raft } from '../core/raft.js';
import { Roster } from '../core/roster.js';
import { splitSnapshot } from '../core/snapshot-data.js';
import { Applier } from './applier.js';
import { Colleagues } from './colleagues.js';
import type { RaftConfig } from './config.js';
import { KeyRotation } from './key-rotation.js';
import { LogCipher } from './log-cipher.js';
import { type LoadedLog, LogDisk, type StoredSnapshot } from './log-disk.js';
import { LogKeys } from './log-keys.js';
import { LogRules } from './log-rules.js';
import { openLog } from './open-log.js';
import { PatientWriter } from './patient-writer.js';
import { Proposals } from './proposals.js';
import {
  busy,
  corrupt,
  diskFullMayBeWritten,
  diskFullNothingWritten,
  lostLeadership,
  notLeader,
  stopped,
  tooLarge,
} from './raft-error.js';
import { Snapshotter } from './snapshotter.js';
import { Steering } from './steering.js';
import { Pace } from './timing.js';

/** The wire's limit for one entry. */
const MAX_ENTRY_BYTES = 1_572_864;
/** Above it the disk does not keep up, and waiting longer helps nobody. */
const MAX_UNCOMMITTED_BYTES = 64 * 1024 * 1024;
const TICKS = { electionTicks: 10, heartbeatTicks: 1 };
const MAX_APPEND_BYTES = 65_535;
const MAX_INFLIGHT = 256;
const MAX_INFLIGHT_BYTES = 16 * 1024 * 1024;
const FAREWELL_MS = 200;

export const NO_LEADERSHIP: Leadership = { term: 0n, leading: false, leaderId: 0n };

export interface RaftNodeOptions {
  readonly storage: Storage;
  readonly server: RpcServer;
  readonly client: RpcClient;
  readonly env: Env;
  readonly log: Logger;
  readonly config: RaftConfig;
  readonly leadership: Channel<Leadership>;
  readonly members: Channel<readonly Member[]>;
  readonly known?: KnownManagers | undefined;
  /** The log is plain without it. */
  readonly dataKeys?: DataKeys | undefined;
  /** This node cannot go on. */
  readonly fault: (where: string, error: unknown) => void;
  /** The group has removed this member; it has stopped by itself. */
  readonly expelled: () => void;
}

/** What exists between start and stop. */
interface Running {
  readonly raft: Raft;
  readonly disk: LogDisk;
  readonly applier: Applier;
  readonly snapshotter: Snapshotter;
  readonly machine: StateMachine;
  readonly member: LoadedLog['member'];
  /** Entries up to here are history: their members are not dialled. */
  readonly history: bigint;
}

export class RaftNode implements Consensus {
  readonly leadership$: Observable<Leadership>;
  readonly colleagues: Colleagues;
  readonly roster = new Roster();
  private machine: StateMachine | undefined;
  private running: Running | undefined;
  private readonly proposals = new Proposals();
  readonly steering: Steering;
  private now: Leadership = NO_LEADERSHIP;
  private applied = 0n;
  /** Stand for election as soon as everything that was committed is applied. */
  private campaignDue = true;
  private readonly writer: PatientWriter;
  private readonly crypto: { readonly cipher: LogCipher; readonly keys: LogKeys };
  private readonly rotation: KeyRotation;
  private readonly pace: Pace;
  /** The group has removed this member. */
  private isExpelled = false;
  private readonly ending = new AbortController();
  private wake: () => void = () => {};
  private cancelTick: Cancel = () => {};
  private loop: Promise<void> = Promise.resolve();
  private unmounts: readonly Unmount[] = [];

  constructor(private readonly options: RaftNodeOptions) {
    this.leadership$ = options.leadership.facts$;
    options.leadership.publish(NO_LEADERSHIP);
    this.colleagues = new Colleagues(options, this);
    const { env, log } = options;
    this.steering = new Steering(
      {
        env,
        ending: this.ending.signal,
        proposals: this.proposals,
        leadership$: this.leadership$,
        raft: () => this.running?.raft,
        leading: () => this.leading(),
        wake: () => this.wake(),
      },
      () => this.colleagues,
    );
    const cipher = new LogCipher(env.random);
    this.crypto = { cipher, keys: new LogKeys(options.dataKeys, cipher, env.random) };
    this.pace = new Pace(options.config.timing, log);
    this.rotation = new KeyRotation(this.crypto.keys, env.clock, log, this.ending.signal);
    this.writer = new PatientWriter(env.clock, log, this.ending.signal, () => this.observe());
  }

  get raftId(): bigint {
    return this.running?.member.raftId ?? 0n;
  }

  get lastIndex(): bigint {
    return this.running?.raft.lastIndex ?? 0n;
  }

  get appliedIndex(): bigint {
    return this.applied;
  }

  /** Every member is known to be one of ours. */
  get allOurs(): boolean {
    return this.running?.raft.allOurs ?? false;
  }

  leadership(): Leadership {
    return this.now;
  }

  members(): readonly Member[] {
    return this.colleagues.group.members();
  }

  attach(machine: StateMachine): void {
    invariant(this.machine === undefined, 'RAFT_ATTACH_TWICE');
    invariant(this.running === undefined, 'RAFT_ATTACH_LATE');
    this.machine = machine;
    this.colleagues.machine = machine;
  }

  async propose(data: Uint8Array): Promise<Proposed> {
    const { raft } = this.leading();
    if (data.length > MAX_ENTRY_BYTES) throw tooLarge(data.length);
    if (this.proposals.bytes + data.length > MAX_UNCOMMITTED_BYTES)
      throw busy(this.proposals.bytes);
    const bytes = Buffer.from(data.buffer, data.byteOffset, data.length);
    const proposed = raft.propose(bytes);
    if (proposed === 'busy') throw busy(this.proposals.bytes);
    if (typeof proposed === 'string') throw notLeader();
    this.wake();
    return await this.proposals.wait(proposed, data.length);
  }

  /** A message from another member. */
  step(message: Message): void {
    if (this.running === undefined || this.ending.signal.aborted) return;
    this.running.raft.step(message);
    // At once: a log that another leader has shortened must not be proposed on.
    if (this.now.leading && this.running.raft.role !== 'leader') this.observe();
    this.wake();
  }

  /** What was sent ahead to this member is probably lost. */
  lost(raftId: bigint): void {
    this.running?.raft.reportUnreachable(raftId);
    this.wake();
  }

  snapshotSent(raftId: bigint, arrived: boolean): void {
    this.running?.raft.reportSnapshot(raftId, arrived);
    this.wake();
  }

  isVoter(raftId: bigint): boolean {
    return this.running?.raft.voters.includes(raftId) ?? false;
  }

  know(members: readonly RaftMember[]): void {
    this.running?.raft.knowMembers(members);
  }

  /**
   * The message with the newest snapshot in it, and the configuration that the core put there. Where a newer
   * one has taken the place of the one that the core meant, its own: the core's may lack what changed since,
   * and the reader would never hear of it.
   */
  async fillSnapshot(message: Message): Promise<Message> {
    const stored = await this.running?.disk.readSnapshot();
    if (stored === undefined || message.snapshot === undefined) throw stopped();
    const { index, confState } = message.snapshot.metadata;
    const metadata =
      stored.metadata.index === index ? { ...stored.metadata, confState } : stored.metadata;
    return { ...message, snapshot: { metadata, data: stored.data } };
  }

  async start(nodeId: string, signal: AbortSignal): Promise<void> {
    const { machine } = this;
    const { storage, log, server } = this.options;
    invariant(machine !== undefined, 'RAFT_NO_STATE_MACHINE');
    const stop = (): void => this.end();
    signal.addEventListener('abort', stop, { once: true });
    const { cipher, keys } = this.crypto;
    const disk = await LogDisk.open(storage, cipher);
    try {
      await keys.open();
      // Served from here on: whoever takes us in looks first whether we are there.
      this.unmounts = this.colleagues.services().map((service) => server.mount(service));
      const stored = await openLog(disk, nodeId, this.colleagues.beginning(this.ending.signal));
      await this.begin(disk, machine, stored);
      log.info(
        {
          raftId: stored.member.raftId.toString(16),
          snapshot: stored.snapshot?.metadata.index.toString(),
          lastIndex: this.lastIndex.toString(),
        },
        'raft log opened',
      );
    } catch (error) {
      this.end();
      await disk.close();
      throw error;
    } finally {
      signal.removeEventListener('abort', stop);
    }
    if (!this.ending.signal.aborted) this.tick();
    this.loop = this.run();
    this.colleagues.begin(this.ending.signal);
    if (keys.isRotating) void this.rotation.run(disk);
  }

  /** Everything that is in the log, and what comes, is to be under a new key. */
  rotateKey(): void {
    if (this.running !== undefined) void this.rotation.begin(this.running.disk);
  }

  /** `forget`: the log of this member is of no use any more. */
  async stop(forget = false): Promise<void> {
    this.end();
    await this.loop;
    await this.running?.snapshotter.idle();
    await this.rotation.idle();
    try {
      if (forget || this.isExpelled) {
        await this.running?.disk.erase();
        await this.crypto.keys.erase();
        this.options.log.info('forgot the raft log: this node is no manager now');
      }
    } finally {
      // Also where a full disk keeps it: else the next life of this manager could not open it.
      await this.running?.disk.close();
    }
  }

  /** Another member says, or the log does, that this one is none any more. */
  expel(): void {
    if (this.isExpelled || this.ending.signal.aborted) return;
    this.isExpelled = true;
    this.options.log.warn('this manager was removed from the group of managers');
    this.end();
    this.options.expelled();
  }

  /** Our own removal was applied: what is on its way to the others, such as whom we name our heir, may still go. */
  private leave(): void {
    this.options.env.clock.after(FAREWELL_MS, () => this.expel());
  }

  private leading(): Running {
    if (this.ending.signal.aborted) throw stopped();
    if (this.writer.obstacle !== undefined) throw diskFullNothingWritten(this.writer.obstacle);
    if (this.running === undefined || !this.now.leading) throw notLeader();
    return this.running;
  }

  private async begin(disk: LogDisk, machine: StateMachine, stored: LoadedLog): Promise<void> {
    const { env, config, log } = this.options;
    const snapshot = stored.snapshot?.metadata;
    if (stored.snapshot !== undefined) await this.restore(machine, stored.snapshot, disk.location);
    const raft = new Raft(
      {
        id: stored.member.raftId,
        ...TICKS,
        maxAppendBytes: MAX_APPEND_BYTES,
        maxInflight: MAX_INFLIGHT,
        maxInflightBytes: MAX_INFLIGHT_BYTES,
        maxUncommittedBytes: MAX_UNCOMMITTED_BYTES,
        commitsWait: true,
        random: (below) => env.random.int(below),
      },
      {
        hardState: stored.hardState,
        snapshot: snapshot ?? ORIGIN,
        confState: snapshot?.confState ?? ConfState.create(),
        members: this.roster.members,
        removed: this.roster.isRemoved(stored.member.raftId),
        entries: stored.entries,
        committed: stored.hardState.commit,
      },
    );
    const applier = new Applier(machine, env.clock, {
      applied: (entry) => this.entryApplied(entry),
      failed: (error) => this.fail(error),
    });
    const snapshotter = new Snapshotter(
      new LogRules(machine, config, TICKS, log),
      machine,
      disk,
      {
        confState: () => raft.confState,
        membership: () => this.roster.toSnapshot(),
        isDue: () => raft.snapshotDue,
      },
      log,
      (position, upTo) => raft.compact(position, upTo),
      (error) => this.fail(error),
    );
    snapshotter.startAt(snapshot ?? ORIGIN);
    const { member } = stored;
    const history = stored.hardState.commit;
    this.running = { raft, disk, applier, snapshotter, machine, member, history };
    if (this.applied >= history) this.colleagues.rosterChanged();
  }

  /** The state machine and the roster become those of the snapshot. */
  private async restore(
    machine: StateMachine,
    snapshot: StoredSnapshot,
    location: string,
  ): Promise<void> {
    const parts = splitSnapshot(snapshot.data);
    const { index } = snapshot.metadata;
    if (parts === undefined)
      throw corrupt(`the snapshot at entry ${index} cannot be read`, location);
    await machine.restore(parts.store, index);
    this.roster.restore(parts.membership);
    this.applied = index;
  }

  private tick(): void {
    const isKnown = this.roster.members.length > 0;
    const spanMs = this.pace.spanMs(isKnown ? this.allOurs : undefined);
    this.cancelTick = this.options.env.clock.after(spanMs, () => {
      this.running?.raft.tick();
      this.running?.snapshotter.tick();
      if (this.running !== undefined && this.now.leading)
        this.steering.promoteLearners(this.running.raft);
      this.wake();
      this.tick();
    });
  }

  private async run(): Promise<void> {
    const { raft, applier, snapshotter, disk, machine } = this.running as Running;
    try {
      this.observe();
      while (!this.ending.signal.aborted) {
        if (!raft.hasReady) {
          await this.woken();
          continue;
        }
        const ready = raft.ready();
        const { write } = ready;
        // The others write while we do.
        this.colleagues.send(ready.messages);
        this.steering.taken(ready.reads);
        const written = write && this.writer.write(disk, write);
        // On our disk already: applied while the next entries are being written.
        applier.push(ready.committed);
        await written;
        if (this.ending.signal.aborted) return;
        this.colleagues.send(ready.promises);
        if (write?.snapshot !== undefined) {
          applier.clear();
          await this.restore(machine, write.snapshot, disk.location);
          snapshotter.startAt(write.snapshot.metadata);
          this.colleagues.rosterChanged();
          const { index } = write.snapshot.metadata;
          this.options.log.info({ index: index.toString() }, 'took the state of the leader');
        }
        raft.advance();
        this.observe();
      }
    } catch (error) {
      this.fail(error);
    }
  }

  private woken(): Promise<void> {
    return new Promise((resolve) => {
      this.wake = resolve;
    });
  }

  private entryApplied(entry: Entry): void {
    const { raft, snapshotter, member, history } = this.running as Running;
    this.applied = entry.Index;
    const change = raft.applied(entry);
    if (change !== undefined) {
      this.roster.apply(change, raft.confState);
      this.steering.applied(change);
    }
    this.proposals.applied(entry);
    snapshotter.applied(entry);
    if (entry.Index === history || (change !== undefined && entry.Index > history))
      this.colleagues.rosterChanged();
    if (change !== undefined && this.roster.isRemoved(member.raftId)) this.leave();
    this.observe();
    this.wake();
  }

  /** Says so when this member begins or ceases to lead. */
  private observe(): void {
    const { raft } = this.running as Running;
    if (this.campaignDue && this.applied >= raft.committed) {
      this.campaignDue = false;
      if (raft.isSoleVoter) raft.campaign();
    }
    const caughtUp = this.now.leading || this.applied >= raft.lastIndex;
    const leading =
      raft.role === 'leader' &&
      caughtUp &&
      this.writer.obstacle === undefined &&
      !this.ending.signal.aborted;
    const { now } = this;
    if (leading === now.leading && raft.term === now.term && raft.leader === now.leaderId) return;
    // Two terms of the same leader are two leaderships: what hangs on the first one must end.
    if (now.leading && leading) this.publish({ ...now, leading: false });
    this.publish({ term: raft.term, leading, leaderId: raft.leader });
  }

  private publish(leadership: Leadership): void {
    const ceased = this.now.leading && !leadership.leading;
    this.now = leadership;
    if (ceased) {
      if (this.ending.signal.aborted) this.proposals.rejectAll(stopped());
      else if (this.writer.obstacle !== undefined)
        this.proposals.rejectAll(diskFullMayBeWritten(this.writer.obstacle));
      else this.proposals.rejectAll(lostLeadership());
    }
    this.options.leadership.publish(leadership);
    if (leadership.leading) this.colleagues.tidyRecords();
  }

  private fail(error: unknown): void {
    if (this.ending.signal.aborted) return;
    this.end();
    this.options.fault('log', error);
  }

  private end(): void {
    if (this.ending.signal.aborted) return;
    this.ending.abort();
    this.cancelTick();
    for (const unmount of this.unmounts) unmount();
    this.colleagues.end();
    this.running?.applier.clear();
    if (this.running !== undefined) this.observe();
    this.proposals.rejectAll(stopped());
    this.steering.reads.rejectAll(stopped());
    this.wake();
  }
}
