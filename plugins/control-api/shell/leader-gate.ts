/**
 * A call on the control socket is the leader's to answer: a member that starts, or lags behind, would
 * show a state from before writes that were acknowledged. The call waits until this member leads and
 * has applied everything, as SwarmKit's waits for a leader. A read also waits until a majority has said
 * that this member leads still. Who asks for a stale read is answered at once, with what is here.
 */
import type { Consensus, Leadership } from '@swarmkit/sdk/contracts/consensus';
import type { Membership } from '@swarmkit/sdk/contracts/membership';
import type { Call } from '@swarmkit/sdk/contracts/rpc';
import { REDIRECT } from '@swarmkit/sdk/model/forwarded-call';
import { isStaleRead } from '@swarmkit/sdk/model/stale-read';
import { type Clock, delay } from '@swarmkit/sdk/plugin/env';
import { SwarmError } from '@swarmkit/sdk/plugin/errors';

/** Ten ticks of SwarmKit's Raft. */
const WAIT_MS = 10_000;
/** What is committed is applied at once, in slices of 10 ms. */
const APPLY_MS = 2;
const READS = /\/(?:Get|List)\w*$/;

type GatedCall = Pick<Call, 'exposure' | 'signal' | 'path' | 'metadata'>;

export class LeaderGate {
  /** The last term in which this member led and had applied everything. */
  private ledTerm = 0n;

  constructor(
    private readonly consensus: Consensus,
    private readonly clock: Clock,
    private readonly group?: Pick<Membership, 'readIndex'>,
  ) {}

  /** To be told of every change of leadership. */
  saw({ leading, term }: Leadership): void {
    if (leading) this.ledTerm = term;
  }

  async pass(call: GatedCall): Promise<void> {
    const { exposure, path } = call;
    const isRead = READS.test(path);
    if (isRead && isStaleRead(call)) return;
    if (exposure === 'control' && !this.isCurrent(this.consensus.leadership())) {
      await this.leads(call.signal);
      call.signal.throwIfAborted();
    }
    // A signal is made when it is asked for: a write that need not wait never does.
    const isForLeader = isRead && (exposure === 'control' || call.metadata.has(REDIRECT));
    if (isForLeader) await this.confirm(call.signal);
  }

  /**
   * A leader that was cut off does not know yet that another one leads, and would show what was before
   * that one's writes. So a majority is asked; writes need no such question, they are one.
   */
  private async confirm(signal: AbortSignal): Promise<void> {
    const { consensus, clock, group } = this;
    if (group === undefined) return;
    // A leader without others cannot have been replaced. One that has removed itself has others still.
    const isAlone = consensus.members().every(({ raftId }) => raftId === consensus.raftId);
    if (isAlone && this.isCurrent(consensus.leadership())) return;
    const index = await group.readIndex();
    while (consensus.appliedIndex < index) {
      signal.throwIfAborted();
      await delay(clock, APPLY_MS, signal);
    }
  }

  /** On a full disk the leader cannot write, and nobody else has: what it holds can be read. */
  private isCurrent({ leading, term, leaderId }: Leadership): boolean {
    // A member that has just started leads nothing in term 0, and has not read its log.
    const led = term === this.ledTerm && leaderId === this.consensus.raftId && leaderId !== 0n;
    return leading || led;
  }

  private leads(signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const end = (): void => {
        cancel();
        watching.unsubscribe();
        signal.removeEventListener('abort', leave);
      };
      const leave = (): void => {
        end();
        resolve();
      };
      const cancel = this.clock.after(WAIT_MS, () => {
        end();
        reject(noLeader());
      });
      signal.addEventListener('abort', leave, { once: true });
      const watching = this.consensus.leadership$.subscribe((leadership) => {
        this.saw(leadership);
        // Not within `subscribe`: `watching` is not there yet.
        if (leadership.leading) void Promise.resolve().then(leave);
      });
    });
  }
}

/** SwarmKit's text. */
const noLeader = (): SwarmError =>
  new SwarmError(
    'unknown',
    'API_NO_LEADER',
    "The swarm does not have a leader. It's possible that too few managers are online. Make sure more than half of the managers are online.",
  );
