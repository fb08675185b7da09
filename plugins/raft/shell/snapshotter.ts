/**
 * Takes a snapshot of the state machine from time to time and shortens the log behind it. Runs beside
 * applying and proposing; a disk without room only means that the log stays long for now.
 */
import type { StateMachine } from '@swarmkit/sdk/contracts/consensus';
import { isSwarmError } from '@swarmkit/sdk/plugin/errors';
import type { Logger } from '@swarmkit/sdk/plugin/plugin';
import type { ConfState, Entry } from '@swarmkit/sdk/wire/gen/raftpb/raft';
import type { ClusterSnapshot } from '@swarmkit/sdk/wire/gen/swarmkit/snapshot';
import { ORIGIN, type Position } from '../core/log.js';
import { joinSnapshot } from '../core/snapshot-data.js';
import type { LogDisk } from './log-disk.js';
import type { LogRules } from './log-rules.js';

/** The log is held in memory; large entries shorten the interval. */
const MAX_LOG_BYTES = 64 * 1024 * 1024;

/** The group as of the entry that was applied last. */
export interface SnapshotGroup {
  confState(): ConfState;
  membership(): ClusterSnapshot;
  /** A member cannot catch up with the snapshot there is: see `Raft.snapshotDue`. */
  isDue(): boolean;
}

export class Snapshotter {
  private newest: Position = ORIGIN;
  /** Of the entry that was applied last. */
  private last: Position = ORIGIN;
  private entriesSince = 0;
  private bytesSince = 0;
  private running: Promise<void> | undefined;

  constructor(
    private readonly rules: Pick<LogRules, 'present'>,
    private readonly machine: StateMachine,
    private readonly disk: LogDisk,
    private readonly group: SnapshotGroup,
    private readonly log: Logger,
    /** The snapshot is on disk, entries up to `upTo` may go from memory. */
    private readonly compact: (snapshot: Position, upTo: bigint) => void,
    private readonly failed: (error: unknown) => void,
  ) {}

  /** The state machine begins at this snapshot. */
  startAt(snapshot: Position): void {
    this.newest = snapshot;
    this.last = snapshot;
    this.entriesSince = 0;
    this.bytesSince = 0;
  }

  /** Called between two entries, for the one that was just applied. */
  applied(entry: Entry): void {
    this.last = { index: entry.Index, term: entry.Term };
    this.entriesSince++;
    this.bytesSince += entry.Data.length;
    const { interval } = this.rules.present;
    if (interval === 0) return;
    if (this.entriesSince >= interval || this.bytesSince >= MAX_LOG_BYTES) this.begin();
  }

  /** From time to time: where nothing is written, a member that needs a snapshot would wait for ever. */
  tick(): void {
    if (this.last.index > this.newest.index && this.group.isDue()) this.begin();
  }

  private begin(): void {
    if (this.running !== undefined) return;
    this.entriesSince = 0;
    this.bytesSince = 0;
    const { group, last } = this;
    // The state is pinned here, synchronously; encoding and writing go on beside.
    const store = this.machine.snapshot();
    this.running = this.take(last, store, group.confState(), group.membership())
      .catch((error: unknown) => this.refused(error))
      .finally(() => {
        this.running = undefined;
      });
  }

  async idle(): Promise<void> {
    await this.running;
  }

  private async take(
    position: Position,
    store: Promise<Uint8Array>,
    confState: ConfState,
    membership: ClusterSnapshot,
  ): Promise<void> {
    const parts = joinSnapshot({ membership, store: await store });
    if (position.index <= this.newest.index) return;
    const { keepEntries, keepSnapshots } = this.rules.present;
    await this.disk.saveSnapshot({ ...position, confState }, parts, keepSnapshots);
    // One from the leader has taken the place of everything meanwhile.
    if (position.index <= this.newest.index) return;
    this.newest = position;
    const upTo = position.index - BigInt(keepEntries);
    this.compact(position, upTo);
    await this.disk.truncate(upTo);
    this.log.debug({ index: position.index.toString() }, 'snapshot taken');
  }

  private refused(error: unknown): void {
    if (isSwarmError(error) && error.code === 'STORAGE_FULL')
      this.log.warn(
        { code: error.code },
        `no snapshot taken, the log stays long: ${error.message}`,
      );
    else this.failed(error);
  }
}
