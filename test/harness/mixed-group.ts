import { spawnSync } from 'node:child_process';
import path from 'node:path';
import { isSwarmError } from '@swarmkit/sdk/plugin/errors';
import { buildBusyboxArchive } from '@swarmkit/sdk/testkit/busybox-image';
import { type Node, Node as StoredNode, type Task } from '@swarmkit/sdk/wire/gen/swarmkit/objects';
import {
  IssuanceStatus_State,
  NodeRole,
  NodeStatus_State,
  RaftMemberStatus_Reachability as Reachability,
} from '@swarmkit/sdk/wire/gen/swarmkit/types';
import type { Cleanup } from './cleanup.js';
import { configFile } from './config-file.js';
import { Daemon } from './daemon.js';
import { type DockerPeer, loadImage, startDockerd } from './dockerd.js';
import { Lan, type LanHost } from './lan.js';
import { defined, Swarm } from './swarm.js';
import { until } from './until.js';

/** Nodes of ours and Docker engines in one swarm, each on a host of its own. */

export interface MixedNode {
  readonly name: string;
  readonly kind: 'ours' | 'docker';
  readonly host: LanHost;
  /** Where managers call it. */
  readonly address: string;
  /** The engine, where it is one. */
  readonly peer: DockerPeer | undefined;
  readonly daemon: Daemon | undefined;
  /** The Control API on its own socket; both kinds have one. */
  readonly swarm: Swarm;
  isUp: boolean;
  kill(): Promise<void>;
  start(): Promise<void>;
  /** What it printed, from a position of the text. */
  log(from?: number): string;
}

export type Role = 'manager' | 'worker';

export interface Entrance {
  readonly address: string;
  readonly token: string;
}

export class MixedGroup {
  readonly nodes: MixedNode[] = [];
  private readonly lan: Lan;

  constructor(
    private readonly cleanup: Cleanup,
    /** Configuration of our nodes by plugin id. */
    private readonly plugins: Readonly<Record<string, object>> = {},
    /** More words on the command line of our nodes. */
    private readonly words: readonly string[] = [],
  ) {
    this.lan = new Lan(cleanup);
  }

  /** A node of ours; the first node of all founds the swarm, others join as what is said, or by what they are given. */
  async ours(name: string, role: Role = 'manager', entrance?: Entrance): Promise<MixedNode> {
    const { cleanup } = this;
    const host = this.lan.host();
    const address = `${host.address}:4242`;
    const by =
      this.nodes.length === 0
        ? undefined
        : (entrance ?? {
            address: (await this.anyManager()).address,
            token: await this.token(role),
          });
    const join = by === undefined ? [] : ['--join-addr', by.address, '--join-token', by.token];
    const stateDir = path.join(cleanup.folder(), 'state');
    cleanup.add('processes of tasks', () => endTasks(stateDir));
    const daemon = new Daemon(
      {
        stateDir,
        executor: 'process',
        host,
        remoteAddr: '0.0.0.0:4242',
        args: [
          ...['--advertise-remote-api', address, '--hostname', name],
          ...['--config', configFile(cleanup, this.plugins), ...this.words],
          ...join,
        ],
      },
      cleanup,
    );
    await daemon.start();
    const swarm = new Swarm(daemon.socket);
    cleanup.add('control connection', () => swarm.close());
    const node: MixedNode = {
      ...{ name, kind: 'ours', host, address, peer: undefined, daemon, swarm, isUp: true },
      kill: async () => {
        node.isUp = false;
        await daemon.kill();
      },
      start: async () => {
        await daemon.start();
        node.isUp = true;
      },
      log: (from = 0) => daemon.output.slice(from),
    };
    this.nodes.push(node);
    return node;
  }

  /** A Docker engine; the first node of all founds the swarm, others join as what is said. */
  async docker(name: string, role: Role = 'manager'): Promise<MixedNode> {
    const { cleanup } = this;
    const host = this.lan.host();
    const address = `${host.address}:2377`;
    const peer = await startDockerd(cleanup, name, { host, args: ['--debug'] });
    await loadImage(peer, buildBusyboxArchive());
    const where = { ListenAddr: '0.0.0.0:2377', AdvertiseAddr: host.address };
    if (this.nodes.length === 0)
      await peer.docker.swarmInit({ ...where, ForceNewCluster: false, Spec: {} });
    else
      await peer.docker.swarmJoin({
        ...where,
        RemoteAddrs: [(await this.anyManager()).address],
        JoinToken: await this.token(role),
      });
    const swarm = new Swarm(peer.controlSocket);
    cleanup.add('control connection', () => swarm.close());
    const node: MixedNode = {
      ...{ name, kind: 'docker', host, address, peer, daemon: undefined, swarm, isUp: true },
      kill: async () => {
        node.isUp = false;
        await peer.stop('SIGKILL');
      },
      start: async () => {
        await peer.start();
        node.isUp = true;
      },
      log: (from = 0) => peer.log().slice(from),
    };
    this.nodes.push(node);
    return node;
  }

  named(name: string): MixedNode {
    return defined(this.nodes.find((node) => node.name === name));
  }

  /** Asks the first manager that answers at all. */
  async ask<T>(call: (swarm: Swarm) => Promise<T>): Promise<T> {
    return await call((await this.anyManager()).swarm);
  }

  /** The nodes as one manager lists them; as the first one that answers does when none is named. */
  list(by?: MixedNode): Promise<readonly Node[]> {
    return by === undefined ? this.ask((swarm) => swarm.nodes()) : by.swarm.nodes();
  }

  async record(name: string, by?: MixedNode): Promise<Node> {
    const all = await this.list(by);
    return defined(all.find(({ description }) => description?.hostname === name));
  }

  /** Waits until a running node leads, and is known to. */
  leader(deadlineMs = 60_000): Promise<MixedNode> {
    return until(
      'somebody leads',
      async () => {
        const leader = (await this.list()).find(({ managerStatus }) => managerStatus?.leader);
        return this.nodes.find(
          ({ isUp, address }) => isUp && address === leader?.managerStatus?.addr,
        );
      },
      deadlineMs,
    );
  }

  /** Every one of these is a manager that is reached and READY. */
  async managers(...names: readonly string[]): Promise<void> {
    await until(
      `${names.join(', ')} are the managers`,
      async () => {
        const managers = (await this.list()).filter(
          ({ managerStatus, status }) =>
            managerStatus?.reachability === Reachability.REACHABLE &&
            status?.state === NodeStatus_State.READY,
        );
        const found = managers.map(({ description }) => description?.hostname).sort();
        const all = (await this.list()).filter(({ managerStatus }) => managerStatus !== undefined);
        return all.length === names.length && String(found) === String([...names].sort());
      },
      120_000,
    );
  }

  async setRole(name: string, desiredRole: NodeRole): Promise<void> {
    await until(`${name} is told its role`, async () => {
      const node = await this.record(name);
      await this.ask((swarm) => swarm.updateNode(node, (spec) => ({ ...spec, desiredRole })));
      return true;
    });
  }

  /** Waits until that many tasks of the service run, whoever is asked; what `lives` says of them. */
  async running(serviceId: string, count: number): Promise<readonly string[]> {
    const tasks = await until(
      `${count} tasks of ${serviceId} run`,
      () => this.ask((swarm) => swarm.running(serviceId, count, 1_000)),
      120_000,
    );
    return tasks.map(life).sort();
  }

  /** Waits until two managers have the same nodes in their stores, to the last byte. */
  async agreeOnNodes(one: MixedNode, other: MixedNode): Promise<void> {
    await until(
      `${one.name} and ${other.name} list the same nodes`,
      async () => {
        const [mine, theirs] = await Promise.all([one, other].map((by) => this.stored(by)));
        return String(mine) === String(theirs);
      },
      60_000,
    );
  }

  /** What is stored of each node; who leads and who is reached is added by the manager that is asked. */
  private async stored(by: MixedNode): Promise<readonly string[]> {
    const nodes = await this.list(by);
    return nodes
      .map((node) => ({ ...node, managerStatus: undefined }))
      .map((node) => Buffer.from(StoredNode.encode(node).finish()).toString('hex'))
      .sort();
  }

  /** Makes a worker of it, and waits until its certificate says so too. */
  async demote(name: string): Promise<void> {
    await this.setRole(name, NodeRole.WORKER);
    await until(
      `${name} is a worker`,
      async () => {
        const { role, certificate, managerStatus } = await this.record(name);
        return (
          role === NodeRole.WORKER &&
          managerStatus === undefined &&
          certificate?.role === NodeRole.WORKER &&
          certificate.status?.state === IssuanceStatus_State.ISSUED
        );
      },
      120_000,
    );
  }

  /** For a failure: what each said last. */
  lastWords(): string {
    return this.nodes.map(({ name, log }) => `--- ${name}\n${log().slice(-6_000)}\n`).join('');
  }

  private async anyManager(): Promise<MixedNode> {
    let refusal: unknown;
    for (const node of this.nodes) {
      if (!node.isUp) continue;
      try {
        await node.swarm.nodes();
        return node;
      } catch (error) {
        if (!isSwarmError(error)) throw error;
        refusal ??= error;
      }
    }
    throw refusal ?? new Error('no manager runs');
  }

  private async token(role: Role): Promise<string> {
    const cluster = await until('the cluster is there', () => this.ask((swarm) => swarm.cluster()));
    return defined(cluster.rootCa?.joinTokens?.[role]);
  }
}

/** A task and the process that it is: another word after a restart. */
function life({ id, status }: Task): string {
  const runtime = status?.runtimeStatus;
  return `${id} ${runtime?.$case === 'container' ? runtime.value.pid : '?'}`;
}

/** Tasks that are plain processes outlive their node, each in a session that its supervisor leads. */
function endTasks(stateDir: string): void {
  const { stdout } = spawnSync('pgrep', ['-f', `${stateDir}/runtime/`], { encoding: 'utf8' });
  for (const pid of stdout.split('\n').map(Number))
    try {
      if (pid > 1) process.kill(-pid, 'SIGKILL');
    } catch {
      // It ended by itself, or leads no session.
    }
}
