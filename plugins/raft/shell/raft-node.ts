/**
 * Drives the core: gives it time and proposals, and does what its `ready` asks for, one at a time:
 * write, then promise, then advance. Proposals made while a write is in flight are in the next one.
 * Never answers a caller before its entry is on disk and applied.
 */
import type {
  Consensus,
  Leadership,
  Member,
  Proposed,
  StateMachine,
} from '@swarmkit/sdk/contracts/consensus';
import type { Storage } from '@swarmkit/sdk/contracts/storage';
import { type Cancel, delay, type Env } from '@swarmkit/sdk/plugin/env';
import { invariant, isSwarmError } from '@swarmkit/sdk/plugin/errors';
import type { Channel, Logger } from '@swarmkit/sdk/plugin/plugin';
import { ConfState, type Entry } from '@swarmkit/sdk/wire/gen/raftpb/raft';
import type { Observable } from 'rxjs';
import { ORIGIN } from '../core/log.js';
import { Raft, type Write } from '../core/raft.js';
import { Roster } from '../core/roster.js';
import { splitSnapshot } from '../core/snapshot-data.js';
import { Applier } from './applier.js';
import { bootstrap, newRaftId } from './bootstrap.js';
import { type LoadedLog, LogDisk, type StoredSnapshot } from './log-disk.js';
import { Proposals } from './proposals.js';
import {
  busy,
  corrupt,
  diskFullMayBeWritten,
  diskFullNothingWritten,
  foreignLog,
  lostLeadership,
  notLeader,
  stopped,
  tooLarge,
} from './raft-error.js';
import { Snapshotter } from './snapshotter.js';

/** The wire's limit for one entry. */
const MAX_ENTRY_BYTES = 1_572_864;
/** Above it the disk does not keep up, and waiting longer helps nobody. */
const MAX_UNCOMMITTED_BYTES = 64 * 1024 * 1024;
const ELECTION_TICKS = 10;
const HEARTBEAT_TICKS = 1;
const MAX_APPEND_BYTES = 65_535;
const MAX_INFLIGHT = 256;
const MAX_INFLIGHT_BYTES = 16 * 1024 * 1024;
const RETRY_MS = { first: 100, most: 5_000 };

export const NO_LEADERSHIP: Leadership = { term: 0n, leading: false, leaderId: 0n };

export interface RaftConfig {
  readonly snapshotInterval: number;
  readonly keepEntries: number;
  readonly tickMs: number;
  /** host:port at which other managers reach this one. */
  readonly advertiseAddress?: string;
}

export interface RaftNodeOptions {
  readonly storage: Storage;
  readonly env: Env;
  readonly log: Logger;
  readonly config: RaftConfig;
  readonly leadership: Channel<Leadership>;
  /** This node cannot go on. */
  readonly fault: (where: string, error: unknown) => void;
}

/** What exists between start and stop. */
interface Running {
  readonly raft: Raft;
  readonly disk: LogDisk;
  readonly applier: Applier;
  readonly snapshotter: Snapshotter;
  readonly machine: StateMachine;
  readonly member: LoadedLog['member'];
}

export class RaftNode implements Consensus {
  readonly leadership$: Observable<Leadership>;
  private machine: StateMachine | undefined;
  private running: Running | undefined;
  private readonly roster = new Roster();
  private readonly proposals = new Proposals();
  private now: Leadership = NO_LEADERSHIP;
  private applied = 0n;
  /** Stand for election as soon as everything that was committed is applied. */
  private campaignDue = true;
  /** Why nothing can be written at the moment. */
  private obstacle: unknown;
  private readonly ending = new AbortController();
  private wake: () => void = () => {};
  private cancelTick: Cancel = () => {};
  private loop: Promise<void> = Promise.resolve();

  constructor(private readonly options: RaftNodeOptions) {
    this.leadership$ = options.leadership.facts$;
    options.leadership.publish(NO_LEADERSHIP);
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

  leadership(): Leadership {
    return this.now;
  }

  members(): readonly Member[] {
    return this.roster.members.map(({ raftId, nodeId, addr }) => ({
      raftId,
      nodeId,
      address: addr,
      reachable: raftId === this.raftId,
    }));
  }

  attach(machine: StateMachine): void {
    invariant(this.machine === undefined, 'RAFT_ATTACH_TWICE');
    invariant(this.running === undefined, 'RAFT_ATTACH_LATE');
    this.machine = machine;
  }

  async propose(data: Uint8Array): Promise<Proposed> {
    if (this.ending.signal.aborted) throw stopped();
    if (this.obstacle !== undefined) throw diskFullNothingWritten(this.obstacle);
    if (this.running === undefined || !this.now.leading) throw notLeader();
    if (data.length > MAX_ENTRY_BYTES) throw tooLarge(data.length);
    if (this.proposals.bytes + data.length > MAX_UNCOMMITTED_BYTES)
      throw busy(this.proposals.bytes);
    const bytes = Buffer.from(data.buffer, data.byteOffset, data.length);
    const proposed = this.running.raft.propose(bytes);
    if (proposed === 'busy') throw busy(this.proposals.bytes);
    if (typeof proposed === 'string') throw notLeader();
    this.wake();
    return await this.proposals.wait(proposed, data.length);
  }

  async start(nodeId: string): Promise<void> {
    const { machine } = this;
    const { storage, env, config, log } = this.options;
    invariant(machine !== undefined, 'RAFT_NO_STATE_MACHINE');
    const disk = await LogDisk.open(storage);
    try {
      const stored =
        (await disk.load()) ??
        (await bootstrap(disk, {
          raftId: newRaftId(env.random),
          nodeId,
          address: config.advertiseAddress ?? '',
        }));
      if (stored.member.nodeId !== nodeId)
        throw foreignLog(stored.member.nodeId, nodeId, disk.location);
      this.begin(disk, machine, stored);
      log.info(
        {
          raftId: stored.member.raftId.toString(16),
          snapshot: stored.snapshot?.metadata.index.toString(),
          lastIndex: this.lastIndex.toString(),
        },
        'raft log opened',
      );
    } catch (error) {
      await disk.close();
      throw error;
    }
    this.tick();
    this.loop = this.run();
  }

  async stop(): Promise<void> {
    this.end();
    await this.loop;
    await this.running?.snapshotter.idle();
    await this.running?.disk.close();
  }

  private begin(disk: LogDisk, machine: StateMachine, stored: LoadedLog): void {
    const { env, config, log } = this.options;
    const snapshot = stored.snapshot?.metadata;
    if (stored.snapshot !== undefined) this.restore(machine, stored.snapshot, disk.location);
    const raft = new Raft(
      {
        id: stored.member.raftId,
        electionTicks: ELECTION_TICKS,
        heartbeatTicks: HEARTBEAT_TICKS,
        maxAppendBytes: MAX_APPEND_BYTES,
        maxInflight: MAX_INFLIGHT,
        maxInflightBytes: MAX_INFLIGHT_BYTES,
        maxUncommittedBytes: MAX_UNCOMMITTED_BYTES,
        random: (below) => env.random.int(below),
      },
      {
        hardState: stored.hardState,
        snapshot: snapshot ?? ORIGIN,
        confState: snapshot?.confState ?? ConfState.create(),
        members: this.roster.members,
        entries: stored.entries,
        committed: stored.hardState.commit,
      },
    );
    const failed = (error: unknown): void => this.fail(error);
    const applier = new Applier(machine, env.clock, {
      applied: (entry) => this.entryApplied(entry),
      failed,
    });
    const snapshotter = new Snapshotter(
      { interval: config.snapshotInterval, keepEntries: config.keepEntries },
      machine,
      disk,
      log,
      (position, upTo) => raft.compact(position, upTo),
      failed,
    );
    snapshotter.startAt(snapshot ?? ORIGIN);
    this.running = { raft, disk, applier, snapshotter, machine, member: stored.member };
  }

  /** The state machine and the roster become those of the snapshot. */
  private restore(machine: StateMachine, snapshot: StoredSnapshot, location: string): void {
    const parts = splitSnapshot(snapshot.data);
    const { index } = snapshot.metadata;
    if (parts === undefined)
      throw corrupt(`the snapshot at entry ${index} cannot be read`, location);
    machine.restore(parts.store, index);
    this.roster.restore(parts.membership);
    this.applied = index;
  }

  private tick(): void {
    const { env, config } = this.options;
    this.cancelTick = env.clock.after(config.tickMs, () => {
      this.running?.raft.tick();
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
        const written = write === undefined ? undefined : this.write(write);
        // On our disk already: applied while the next entries are being written.
        applier.push(ready.committed);
        await written;
        if (this.ending.signal.aborted) return;
        if (write?.snapshot !== undefined) {
          applier.clear();
          this.restore(machine, write.snapshot, disk.location);
          raft.knowMembers(this.roster.members);
          snapshotter.startAt(write.snapshot.metadata);
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

  /** Resolves when it is on disk, or when this node ends. A full disk is waited for. */
  private async write(write: Write): Promise<void> {
    const { disk } = this.running as Running;
    const { env, log } = this.options;
    for (let waitMs = RETRY_MS.first; ; waitMs = Math.min(waitMs * 2, RETRY_MS.most)) {
      try {
        await disk.write(write);
        break;
      } catch (error) {
        if (this.ending.signal.aborted) return;
        if (!isSwarmError(error) || error.code !== 'STORAGE_FULL') throw error;
        if (this.obstacle === undefined) log.error({ code: error.code }, error.message);
        this.obstacle = error;
        this.observe();
        await delay(env.clock, waitMs, this.ending.signal);
        if (this.ending.signal.aborted) return;
      }
    }
    if (this.obstacle !== undefined) log.info('the disk takes writes again');
    this.obstacle = undefined;
  }

  private entryApplied(entry: Entry): void {
    const { raft, snapshotter } = this.running as Running;
    this.applied = entry.Index;
    const change = raft.applied(entry);
    if (change !== undefined) this.roster.apply(change, raft.confState);
    this.proposals.applied(entry);
    snapshotter.applied(
      entry,
      () => raft.confState,
      () => this.roster.toSnapshot(),
    );
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
      this.obstacle === undefined &&
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
      else if (this.obstacle !== undefined)
        this.proposals.rejectAll(diskFullMayBeWritten(this.obstacle));
      else this.proposals.rejectAll(lostLeadership());
    }
    this.options.leadership.publish(leadership);
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
    this.running?.applier.clear();
    if (this.running !== undefined) this.observe();
    this.proposals.rejectAll(stopped());
    this.wake();
  }
}
