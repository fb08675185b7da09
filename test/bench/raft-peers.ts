/**
 * Who ours is measured against: dockerd as the only manager of a swarm, and etcd with three members on
 * the loopback. Both are asked over their own API, with the same payload and callers as ours.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { Agent, request } from 'node:http';
import path from 'node:path';
import type { MethodDefinition } from '@grpc/grpc-js';
import { FastWriter } from '@swarmkit/sdk/wire/fast-writer';
import type { Cleanup } from '../harness/cleanup.js';
import { initSwarm, startDockerd } from '../harness/dockerd.js';
import { freePort } from '../harness/free-port.js';
import { until } from '../harness/until.js';
import { LightConnection } from './light-rpc.js';
import type { Write } from './raft-load.js';

export async function startDockerManager(cleanup: Cleanup, callers: number): Promise<Write> {
  const peer = await startDockerd(cleanup);
  await initSwarm(peer);
  const agent = new Agent({ keepAlive: true, maxSockets: callers });
  cleanup.add('dockerd connections', () => agent.destroy());
  return (name, data) =>
    new Promise((resolve, reject) => {
      const body = JSON.stringify({ Name: name, Data: data.toString('base64') });
      const call = request(
        {
          agent,
          socketPath: peer.socket,
          method: 'POST',
          path: '/configs/create',
          headers: { 'content-type': 'application/json', 'content-length': body.length },
        },
        (answer) => {
          answer.resume();
          answer.on('end', () => {
            if (answer.statusCode === 201) resolve();
            else reject(new Error(`dockerd answered ${answer.statusCode}`));
          });
        },
      );
      call.on('error', reject);
      call.end(body);
    });
}

/** `KV.Put` of etcd; nothing of its answer is looked at. */
const PUT: MethodDefinition<Uint8Array, null> = {
  path: '/etcdserverpb.KV/Put',
  requestStream: false,
  responseStream: false,
  requestSerialize: (bytes) => bytes as Buffer,
  requestDeserialize: (bytes) => bytes,
  responseSerialize: () => Buffer.alloc(0),
  responseDeserialize: () => null,
};

export class EtcdGroup {
  private readonly members: EtcdMember[] = [];

  static async start(cleanup: Cleanup, count: number): Promise<EtcdGroup> {
    const group = new EtcdGroup();
    const places = await Promise.all(
      Array.from({ length: count }, async (_, i) => ({
        name: `m${i}`,
        peerUrl: `http://127.0.0.1:${await freePort()}`,
        clientUrl: `http://127.0.0.1:${await freePort()}`,
      })),
    );
    const initial = places.map(({ name, peerUrl }) => `${name}=${peerUrl}`).join(',');
    for (const place of places) {
      const member = new EtcdMember(place, path.join(cleanup.folder(), 'data'), initial);
      cleanup.add('etcd', () => member.kill());
      member.spawn();
      group.members.push(member);
    }
    await group.complete();
    return group;
  }

  /** All members know the same leader. */
  async complete(): Promise<void> {
    await until(
      'etcd is complete',
      async () => {
        const leaders = await Promise.all(this.members.map((member) => member.leader()));
        return leaders[0] !== '0' && new Set(leaders).size === 1;
      },
      60_000,
    );
  }

  async leader(): Promise<EtcdMember> {
    return until('etcd has a leader', async () => {
      for (const member of this.members) if (await member.leads().catch(() => false)) return member;
      return undefined;
    });
  }

  others(than: EtcdMember): readonly EtcdMember[] {
    return this.members.filter((member) => member !== than);
  }
}

class EtcdMember {
  private child: ChildProcess | undefined;
  private connection: LightConnection | undefined;

  constructor(
    private readonly place: {
      readonly name: string;
      readonly peerUrl: string;
      readonly clientUrl: string;
    },
    private readonly dataDir: string,
    private readonly initial: string,
  ) {}

  readonly write: Write = async (name, data) => {
    this.connection ??= new LightConnection(this.place.clientUrl);
    const request = new FastWriter().uint32(10).string(name).uint32(18).bytes(data).finish();
    try {
      await this.connection.unary(PUT, request);
    } catch (error) {
      // Dialled again the next time: it may have been started anew.
      this.connection?.close();
      this.connection = undefined;
      throw error;
    }
  };

  /** Id of the leader that it knows; `0`: none. */
  async leader(): Promise<string> {
    return (await this.status()).leader ?? '0';
  }

  async leads(): Promise<boolean> {
    const { leader, header } = await this.status();
    return leader !== undefined && leader === header.member_id;
  }

  spawn(): void {
    const { name, peerUrl, clientUrl } = this.place;
    const words = {
      name,
      'data-dir': this.dataDir,
      'listen-peer-urls': peerUrl,
      'initial-advertise-peer-urls': peerUrl,
      'listen-client-urls': clientUrl,
      'advertise-client-urls': clientUrl,
      'initial-cluster': this.initial,
      'log-level': 'error',
    };
    const flags = Object.entries(words).flatMap(([flag, word]) => [`--${flag}`, word]);
    this.child = spawn('etcd', flags, { stdio: 'ignore' });
  }

  async kill(): Promise<void> {
    const { child } = this;
    this.child = undefined;
    this.connection?.close();
    this.connection = undefined;
    if (child === undefined || child.exitCode !== null) return;
    const ended = new Promise((resolve) => child.once('exit', resolve));
    child.kill('SIGKILL');
    await ended;
  }

  private async status(): Promise<{
    readonly leader?: string;
    readonly header: { readonly member_id: string };
  }> {
    const answer = await fetch(`${this.place.clientUrl}/v3/maintenance/status`, {
      method: 'POST',
      body: '{}',
      signal: AbortSignal.timeout(2_000),
    });
    return (await answer.json()) as Awaited<ReturnType<EtcdMember['status']>>;
  }
}
