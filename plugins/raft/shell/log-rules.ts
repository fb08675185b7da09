/**
 * What holds for this member's log now: asks the state machine what the cluster says, and warns where its
 * ticks are not ours. Those are fixed when a manager starts, with SwarmKit too.
 */
import type { StateMachine } from '@swarmkit/sdk/contracts/consensus';
import type { Logger } from '@swarmkit/sdk/plugin/plugin';
import type { RaftConfig } from '@swarmkit/sdk/wire/gen/swarmkit/types';
import { type LogPolicy, logPolicy, type OwnPolicy } from '../core/log-policy.js';

export interface Ticks {
  readonly electionTicks: number;
  readonly heartbeatTicks: number;
}

export class LogRules {
  private said: RaftConfig | undefined;
  private policy: LogPolicy;

  constructor(
    private readonly machine: Pick<StateMachine, 'raftConfig'>,
    private readonly own: OwnPolicy,
    private readonly ticks: Ticks,
    private readonly log: Logger,
  ) {
    this.policy = logPolicy(own);
  }

  get present(): LogPolicy {
    const said = this.machine.raftConfig?.();
    if (said === this.said) return this.policy;
    if (said !== undefined) this.compare(said);
    this.said = said;
    this.policy = logPolicy(this.own, said);
    return this.policy;
  }

  private compare({ electionTick, heartbeatTick }: RaftConfig): void {
    if (this.said?.electionTick === electionTick && this.said.heartbeatTick === heartbeatTick)
      return;
    const { electionTicks, heartbeatTicks } = this.ticks;
    if (electionTick === electionTicks && heartbeatTick === heartbeatTicks) return;
    this.log.warn(
      { electionTick, heartbeatTick },
      `the cluster says ${electionTick} ticks for an election and ${heartbeatTick} for a heartbeat; this manager keeps ${electionTicks} and ${heartbeatTicks}`,
    );
  }
}
