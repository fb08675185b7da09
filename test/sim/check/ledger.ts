/**
 * The books of the replicated log, kept outside of it: what was applied at each index anywhere, who led
 * in which term, and what the state was. Two members that disagree are named.
 */
import type { Entry, Leadership } from '@swarmkit/sdk/contracts/consensus';
import { type Message, MessageType } from '@swarmkit/sdk/wire/gen/raftpb/raft';
import type { Verdict } from './verdict.js';

interface Line {
  readonly term: bigint;
  readonly hash: number;
  readonly by: string;
}

interface Written {
  readonly hash: number;
  /** Of the entry before it. */
  readonly after: bigint;
  readonly by: string;
}

interface State {
  readonly hash: number;
  readonly by: string;
}

export class Ledger {
  private readonly lines = new Map<bigint, Line>();
  private readonly states = new Map<bigint, State>();
  private readonly leaders = new Map<bigint, string>();
  private readonly speakers = new Map<bigint, string>();
  /** By index and term: an entry of somebody's log, committed or not. */
  private readonly written = new Map<string, Written>();
  /** By member: the last index applied in its present life. */
  private readonly applied = new Map<string, bigint>();
  /** The last entry of each term that anybody applied. */
  private readonly lastOfTerm = new Map<bigint, bigint>();
  highest = 0n;
  elections = 0;

  constructor(private readonly verdict: Verdict) {}

  started(member: string): void {
    this.applied.set(member, 0n);
  }

  entry(member: string, { index, term, data }: Entry): void {
    const { verdict } = this;
    const before = this.applied.get(member) ?? 0n;
    verdict.holds(
      index === before + 1n,
      'apply order',
      () => `${member} applied entry ${index} after entry ${before}`,
    );
    this.applied.set(member, index);
    const hash = hashOf(data);
    const line = this.lines.get(index);
    if (line === undefined) {
      const earlier = this.lines.get(index - 1n);
      verdict.holds(
        earlier === undefined || earlier.term <= term,
        'log matching',
        () => `entry ${index} has term ${term}, and the one before it ${earlier?.term}`,
      );
      this.lines.set(index, { term, hash, by: member });
      if (index > this.highest) this.highest = index;
      if (index > (this.lastOfTerm.get(term) ?? 0n)) this.lastOfTerm.set(term, index);
      return;
    }
    verdict.holds(
      line.term === term && line.hash === hash,
      'log matching',
      () =>
        `${member} applied another entry ${index} (term ${term}) than ${line.by} (term ${line.term})`,
    );
  }

  /**
   * What a leader sends of its log. Two logs with the same entry are the same up to there, exactly if an
   * index and a term tell the entry and the one before it.
   */
  sent(member: string, { type, term, index, logTerm, entries }: Message): void {
    if (fromLeaders.has(type)) this.speaks(member, term);
    if (type !== MessageType.MsgApp) return;
    let [at, after] = [index, logTerm];
    for (const { Index, Term, Data } of entries) {
      this.verdict.holds(
        Index === at + 1n && Term >= after,
        'log matching',
        () => `${member} sent entry ${Index} of term ${Term} after entry ${at} of term ${after}`,
      );
      const key = `${Index}/${Term}`;
      const known = this.written.get(key);
      const hash = hashOf(Data);
      if (known === undefined) this.written.set(key, { hash, after, by: member });
      else
        this.verdict.holds(
          known.hash === hash && known.after === after,
          'log matching',
          () =>
            `${member} and ${known.by} have different logs up to entry ${Index} of term ${Term}`,
        );
      [at, after] = [Index, Term];
    }
  }

  /** Who speaks as the leader of a term is one, also before it has committed anything and says so itself. */
  private speaks(member: string, term: bigint): void {
    const known = this.speakers.get(term);
    if (known === undefined) this.speakers.set(term, member);
    else
      this.verdict.holds(
        known === member,
        'one leader a term',
        () => `${known} and ${member} both spoke as the leader of term ${term}`,
      );
  }

  restored(member: string, index: bigint): void {
    this.verdict.holds(
      index <= this.highest,
      'snapshot',
      () => `${member} was given a snapshot at ${index}, and ${this.highest} was the last entry`,
    );
    const before = this.applied.get(member) ?? 0n;
    this.verdict.holds(
      index >= before,
      'snapshot',
      () => `${member} was taken back from entry ${before} to a snapshot at ${index}`,
    );
    this.applied.set(member, index);
  }

  leads(member: string, { term, leading }: Leadership, applied: bigint): void {
    if (!leading) return;
    const known = this.leaders.get(term);
    if (known === undefined) this.elections++;
    this.leaders.set(term, member);
    this.verdict.holds(
      known === undefined || known === member,
      'one leader a term',
      () => `${known} and ${member} both led in term ${term}`,
    );
    for (const [earlier, last] of this.lastOfTerm)
      if (earlier < term)
        this.verdict.holds(
          last <= applied,
          'leader completeness',
          () =>
            `${member} leads term ${term} and has applied ${applied}; entry ${last} of term ${earlier} was committed`,
        );
  }

  state(member: string, index: bigint, bytes: Uint8Array): void {
    const hash = hashOf(bytes);
    const known = this.states.get(index);
    if (known === undefined) this.states.set(index, { hash, by: member });
    else
      this.verdict.holds(
        known.hash === hash,
        'state equality',
        () => `${member} and ${known.by} hold different states at entry ${index}`,
      );
  }

  get terms(): number {
    return this.leaders.size;
  }
}

const fromLeaders = new Set([MessageType.MsgApp, MessageType.MsgHeartbeat, MessageType.MsgSnap]);

/** FNV-1a over the bytes and their number. */
export function hashOf(bytes: Uint8Array): number {
  let hash = 2166136261 ^ bytes.length;
  for (let i = 0; i < bytes.length; i++) hash = Math.imul(hash ^ (bytes[i] as number), 16777619);
  return hash >>> 0;
}
