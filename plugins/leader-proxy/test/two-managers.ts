// Two managers on a loopback network, of which the test says who leads. Both serve a service with every
// kind of method while they lead, as leaders do.
import type { Consensus, Leadership, Member } from '@swarmkit/sdk/contracts/consensus';
import type { Call, RpcConnection, Unmount } from '@swarmkit/sdk/contracts/rpc';
import { LoopbackNetwork, type LoopbackServer } from '@swarmkit/sdk/testkit/loopback-rpc';
import { VirtualEnv } from '@swarmkit/sdk/testkit/virtual-env';
import { LeaderProxy } from '../shell/leader-proxy.js';
import { PASSED_ON } from '../core/services.js';
import { HealthService } from '@swarmkit/sdk/wire/gen/swarmkit/health';
import { ControlService } from '@swarmkit/sdk/wire/gen/swarmkit/control';
import {
  DispatcherService,
  HeartbeatResponse,
  SessionMessage,
} from '@swarmkit/sdk/wire/gen/swarmkit/dispatcher';
import { LogBrokerService } from '@swarmkit/sdk/wire/gen/swarmkit/logbroker';
import { NodeCAService } from '@swarmkit/sdk/wire/gen/swarmkit/ca';
import { SwarmError } from '@swarmkit/sdk/plugin/errors';

export const addressOf = (raftId: bigint): string => `10.0.0.${raftId}:4242`;
export const socketOf = (raftId: bigint): string => `unix:/manager-${raftId}`;

export class Manager {
  readonly server: LoopbackServer;
  readonly proxy: LeaderProxy;
  readonly calls: Call[] = [];
  /** How many messages it has sent on the stream that never ends. */
  sent = 0;
  received = 0;
  private leadership: Leadership = { term: 1n, leading: false, leaderId: 0n };
  private unmounts: Unmount[] = [];

  constructor(
    readonly raftId: bigint,
    network: LoopbackNetwork,
    env: VirtualEnv,
    members: readonly Member[],
  ) {
    this.server = network.server(addressOf(raftId), socketOf(raftId));
    const consensus = {
      raftId,
      leadership: () => this.leadership,
      members: () => members,
    } as unknown as Consensus;
    const client = network.client({
      nodeId: `manager-${raftId}`,
      clusterId: 'cluster',
      address: `10.0.0.${raftId}:50000`,
    });
    this.proxy = new LeaderProxy({ consensus, client, clock: env.clock });
    this.proxy.saw(this.leadership);
    for (const [definition, expose] of PASSED_ON)
      this.server.mountStandIn({
        definition,
        expose,
        defers: () => this.proxy.leads(),
        route: (call, way) => this.proxy.route(call, way),
      });
    this.server.mount({
      definition: HealthService,
      expose: ['remote'],
      handlers: { check: { unary: () => ({ status: 1 }) } },
    });
    this.server.mount({
      definition: ControlService,
      expose: ['control', 'remote'],
      handlers: {
        listNodes: {
          unary: (_request, call) => {
            this.calls.push(call);
            return { nodes: [] };
          },
        },
      },
    });
  }

  hears(leaderId: bigint, leading = leaderId === this.raftId): void {
    this.leadership = { term: this.leadership.term + 1n, leading, leaderId };
    this.proxy.saw(this.leadership);
    if (!leading) this.unserve();
  }

  /** What a leader's scope does when it opens. */
  serve(): void {
    const seen = (call: Call): void => {
      this.calls.push(call);
    };
    this.unmounts = [
      this.server.mount({
        definition: NodeCAService,
        expose: ['control', 'remote'],
        handlers: {
          issueNodeCertificate: {
            unary: (request, call) => {
              seen(call);
              return { nodeId: request.token, nodeMembership: 1 };
            },
          },
        },
      }),
      this.server.mount({
        definition: DispatcherService,
        expose: ['control', 'remote'],
        handlers: {
          heartbeat: {
            unary: (request, call) => {
              seen(call);
              if (request.sessionId === 'wrong')
                throw new SwarmError('invalid-argument', 'X', 'session invalid');
              if (request.sessionId === 'never') return new Promise(() => undefined);
              return HeartbeatResponse.create();
            },
          },
          session: {
            serverStream: async (_request, call, send) => {
              seen(call);
              while (!call.signal.aborted) {
                await send(SessionMessage.create({ sessionId: `${this.sent}` }));
                this.sent++;
              }
            },
          },
        },
      }),
      this.server.mount({
        definition: LogBrokerService,
        expose: ['control', 'remote'],
        handlers: {
          publishLogs: {
            clientStream: async (requests, call) => {
              seen(call);
              for await (const _message of requests) this.received++;
              return {};
            },
          },
        },
      }),
    ];
  }

  unserve(): void {
    for (const unmount of this.unmounts) unmount();
    this.unmounts = [];
  }
}

export class TwoManagers {
  readonly env = new VirtualEnv('two managers');
  readonly clock = this.env.clock;
  readonly network = new LoopbackNetwork(this.clock);
  readonly managers: readonly [Manager, Manager];

  constructor() {
    const members = [1n, 2n].map((raftId) => ({
      raftId,
      nodeId: `manager-${raftId}`,
      address: addressOf(raftId),
      reachable: true,
      votes: true,
    }));
    const make = (raftId: bigint) => new Manager(raftId, this.network, this.env, members);
    this.managers = [make(1n), make(2n)];
  }

  /** Manager 2 leads, and manager 1 knows. */
  static secondLeads(): TwoManagers {
    const two = new TwoManagers();
    for (const manager of two.managers) manager.hears(2n);
    two.managers[1].serve();
    return two;
  }

  /** A worker's connection to manager 1, unless you say otherwise. */
  connect(
    address = addressOf(1n),
    peer: Parameters<LoopbackNetwork['client']>[0] = {
      nodeId: 'worker',
      clusterId: 'cluster',
      role: 'worker',
      address: '192.168.7.7:5555',
    },
  ): RpcConnection {
    return this.network.client(peer).connect(address);
  }
}
