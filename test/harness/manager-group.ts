import path from 'node:path';
import { isSwarmError } from '@swarmkit/sdk/plugin/errors';
import type { Node } from '@swarmkit/sdk/wire/gen/swarmkit/objects';
import { RaftMemberStatus_Reachability as Reachability } from '@swarmkit/sdk/wire/gen/swarmkit/types';
import type { Cleanup } from './cleanup.js';
import { configFile } from './config-file.js';
import { Daemon } from './daemon.js';
import { freePort } from './free-port.js';
import type { Lan, LanHost } from './lan.js';
import { defined, Swarm } from './swarm.js';
import { until } from './until.js';

export interface ManagerProcess {
  readonly address: string;
  readonly daemon: Daemon;
  readonly swarm: Swarm;
  /** Undefined on the loopback. */
  readonly host: LanHost | undefined;
}

/**
 * Managers as processes on the loopback, or each on a host of its own: one that founded the cluster, and
 * others that joined by token.
 */
export class ManagerGroup {
  readonly managers: ManagerProcess[] = [];
  private started = 0;

  private constructor(
    private readonly cleanup: Cleanup,
    private readonly config: string,
    private readonly lan: Lan | undefined,
  ) {}

  /** `plugins`: configuration by plugin id, for all of them. `lan`: where their hosts are made. */
  static async start(
    count: number,
    cleanup: Cleanup,
    plugins: Readonly<Record<string, object>> = {},
    lan?: Lan,
  ): Promise<ManagerGroup> {
    const group = new ManagerGroup(cleanup, configFile(cleanup, plugins), lan);
    while (group.managers.length < count) await group.add();
    return group;
  }

  /** Starts one more; it founds the cluster or joins it. `folder`: for its state; default one of its own. */
  async add(folder?: string): Promise<ManagerProcess> {
    const votes = this.votesGiven();
    const isFirst = this.managers.length === 0;
    const manager = await this.startNode('manager', folder);
    this.managers.push(manager);
    await this.complete();
    // Until then one more that is killed may be one too many.
    await until('it votes', () => isFirst || this.votesGiven() > votes);
    return manager;
  }

  /** How many of those that joined have a vote by now. */
  private votesGiven(): number {
    const said = this.managers.flatMap(({ daemon }) => daemon.said());
    return said.filter((line) => line.startsWith('a manager has caught up and votes')).length;
  }

  /** Some of them, as those know the rest: for a group that the network has cut in two. */
  part(managers: readonly ManagerProcess[]): ManagerGroup {
    const part = new ManagerGroup(this.cleanup, this.config, this.lan);
    part.managers.push(...managers);
    return part;
  }

  /** Starts a node that joins as a worker. */
  addWorker(): Promise<ManagerProcess> {
    return this.startNode('worker');
  }

  private async startNode(
    role: 'manager' | 'worker',
    folder = this.cleanup.folder(),
  ): Promise<ManagerProcess> {
    const host = this.lan?.host();
    const address = host ? `${host.address}:4242` : `127.0.0.1:${await freePort()}`;
    const [first] = this.managers;
    const join =
      first === undefined
        ? []
        : ['--join-addr', first.address, '--join-token', await this.token(role)];
    const stateDir = path.join(folder, 'state');
    const daemon = new Daemon(
      {
        stateDir,
        executor: 'process',
        remoteAddr: address,
        ...(host ? { host } : {}),
        args: ['--config', this.config, '--hostname', `${role}-${this.started++}`, ...join],
      },
      this.cleanup,
    );
    await daemon.start();
    const swarm = new Swarm(daemon.socket);
    this.cleanup.add('control connection', () => swarm.close());
    return { address, daemon, swarm, host };
  }

  /** Asks one after the other until one answers; a follower may not. */
  async ask<T>(call: (swarm: Swarm) => Promise<T>): Promise<T> {
    let refusal: unknown = new Error('no manager runs');
    for (const { swarm, daemon } of this.managers) {
      if (daemon.pid === 0) continue;
      try {
        return await call(swarm);
      } catch (error) {
        if (!isSwarmError(error)) throw error;
        refusal = error;
      }
    }
    throw refusal;
  }

  nodes(): Promise<readonly Node[]> {
    return this.ask((swarm) => swarm.nodes());
  }

  async leader(): Promise<ManagerProcess> {
    return await until('somebody leads', async () => {
      const leader = (await this.nodes()).find(({ managerStatus }) => managerStatus?.leader);
      return this.managers.find(({ address }) => address === leader?.managerStatus?.addr);
    });
  }

  /** Every manager is a member that the leader reaches. */
  async complete(deadlineMs = 60_000): Promise<void> {
    await until(
      `all ${this.managers.length} managers are reachable`,
      async () => {
        const reached = (await this.nodes()).filter(
          ({ managerStatus }) => managerStatus?.reachability === Reachability.REACHABLE,
        );
        return reached.length === this.managers.length;
      },
      deadlineMs,
    );
  }

  /** For a failure: what each said last. */
  lastWords(): string {
    return this.managers
      .map(({ address, daemon }) => `--- ${address}\n${daemon.said().slice(-60).join('\n')}\n`)
      .join('');
  }

  private async token(role: 'manager' | 'worker'): Promise<string> {
    const cluster = await until('the cluster is there', () => this.ask((swarm) => swarm.cluster()));
    return defined(cluster.rootCa?.joinTokens?.[role]);
  }
}
