import type { Leadership } from '@swarmkit/sdk/contracts/consensus';
import type { Storage } from '@swarmkit/sdk/contracts/storage';
import type { Env } from '@swarmkit/sdk/plugin/env';
import type { Channel, Logger } from '@swarmkit/sdk/plugin/plugin';
import { TapeMachine } from '@swarmkit/sdk/testkit/tape-machine';
import { VirtualEnv } from '@swarmkit/sdk/testkit/virtual-env';
import { BehaviorSubject, filter, firstValueFrom, timeout } from 'rxjs';
import { NO_LEADERSHIP, type RaftConfig, RaftNode } from '../shell/raft-node.js';

export const quiet: Logger = { debug() {}, info() {}, warn() {}, error() {} };

/** A group of one on a storage of your choice. */
export class SingleMember {
  readonly faults: unknown[] = [];
  readonly leaderships: Leadership[] = [];
  readonly node: RaftNode;

  constructor(
    storage: Storage,
    config: Partial<RaftConfig> = {},
    readonly machine = new TapeMachine(),
    env: Env = new VirtualEnv('raft'),
  ) {
    const subject = new BehaviorSubject(NO_LEADERSHIP);
    subject.subscribe((leadership) => this.leaderships.push(leadership));
    const leadership: Channel<Leadership> = {
      name: 'raft.leadership',
      dropped: 0,
      publish: (fact) => subject.next(fact),
      facts$: subject,
    };
    this.node = new RaftNode({
      storage,
      env,
      log: quiet,
      config: { snapshotInterval: 0, keepEntries: 0, tickMs: 1_000, ...config },
      leadership,
      fault: (_where, error) => this.faults.push(error),
    });
    this.node.attach(this.machine);
  }

  async start(nodeId = 'node-1'): Promise<this> {
    await this.node.start(nodeId);
    return this;
  }

  /** Started, and leading. */
  async lead(nodeId?: string): Promise<this> {
    await this.start(nodeId);
    await this.leads();
    return this;
  }

  async leads(leading = true): Promise<void> {
    await firstValueFrom(
      this.node.leadership$.pipe(
        filter((leadership) => leadership.leading === leading),
        timeout(5_000),
      ),
    );
  }

  propose(text: string): Promise<unknown> {
    return this.node.propose(Buffer.from(text));
  }
}
