import type { Leadership, Member } from '@swarmkit/sdk/contracts/consensus';
import type { DataKeys } from '@swarmkit/sdk/contracts/data-keys';
import type { RpcServer } from '@swarmkit/sdk/contracts/rpc';
import type { Storage } from '@swarmkit/sdk/contracts/storage';
import type { Env } from '@swarmkit/sdk/plugin/env';
import type { Channel, Logger } from '@swarmkit/sdk/plugin/plugin';
import { LoopbackNetwork } from '@swarmkit/sdk/testkit/loopback-rpc';
import { TapeMachine } from '@swarmkit/sdk/testkit/tape-machine';
import { VirtualEnv } from '@swarmkit/sdk/testkit/virtual-env';
import { BehaviorSubject, filter, firstValueFrom, timeout } from 'rxjs';
import type { RaftConfig } from '../shell/config.js';
import { NO_LEADERSHIP, RaftNode } from '../shell/raft-node.js';

export const quiet: Logger = { debug() {}, info() {}, warn() {}, error() {} };

/** What a member is reached by; without one it is alone. */
export interface Place {
  readonly network: LoopbackNetwork;
  readonly server: RpcServer;
  readonly nodeId: string;
}

/** A member on a storage of your choice: a group of one, or one of several in the same network. */
export class SingleMember {
  readonly faults: unknown[] = [];
  readonly leaderships: Leadership[] = [];
  readonly node: RaftNode;
  isExpelled = false;

  constructor(
    storage: Storage,
    config: Partial<RaftConfig> = {},
    readonly machine = new TapeMachine(),
    env: Env = new VirtualEnv('raft'),
    place: Place = alone(env),
    dataKeys?: DataKeys,
  ) {
    const leadership = channel('raft.leadership', NO_LEADERSHIP);
    leadership.facts$.subscribe((fact) => this.leaderships.push(fact));
    this.node = new RaftNode({
      storage,
      server: place.server,
      client: place.network.client({ nodeId: place.nodeId }),
      env,
      log: quiet,
      dataKeys,
      config: {
        snapshotInterval: 0,
        keepEntries: 0,
        timing: 'auto',
        joinAddresses: [],
        forceNewCluster: false,
        onlySwarmKit: false,
        ...config,
      },
      leadership,
      members: channel<readonly Member[]>('raft.members', []),
      fault: (_where, error) => this.faults.push(error),
      expelled: () => {
        this.isExpelled = true;
      },
    });
    this.node.attach(this.machine);
  }

  async start(nodeId = 'node-1'): Promise<this> {
    await this.node.start(nodeId, new AbortController().signal);
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

function channel<T>(name: string, first: T): Channel<T> {
  const subject = new BehaviorSubject(first);
  return { name, dropped: 0, publish: (fact) => subject.next(fact), facts$: subject };
}

function alone({ clock }: Env): Place {
  const network = new LoopbackNetwork(clock);
  return { network, server: network.server(), nodeId: 'node-1' };
}
