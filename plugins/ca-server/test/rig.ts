/** The plugin on a leader whose store commits at once, with an authority that takes every CSR but `bad`. */
import assert from 'node:assert/strict';
import type { TestContext } from 'node:test';
import {
  CertificateAuthority,
  type FormerCertificate,
  type FormerNode,
  type SigningRoot,
  type SignRequest,
} from '@swarmkit/sdk/contracts/certificate-authority';
import {
  type ExternalAuthorities,
  ExternalAuthority,
} from '@swarmkit/sdk/contracts/external-authority';
import { type Peer, RpcServer } from '@swarmkit/sdk/contracts/rpc';
import { Store } from '@swarmkit/sdk/contracts/store';
import { isSwarmError, type Kind, SwarmError } from '@swarmkit/sdk/plugin/errors';
import type { Context } from '@swarmkit/sdk/plugin/plugin';
import type { Token } from '@swarmkit/sdk/plugin/token';
import { FakeStore } from '@swarmkit/sdk/testkit/fake-store';
import { aCluster, type Partially } from '@swarmkit/sdk/testkit/fixtures';
import { LoopbackNetwork } from '@swarmkit/sdk/testkit/loopback-rpc';
import { VirtualEnv } from '@swarmkit/sdk/testkit/virtual-env';
import {
  CAService,
  IssueNodeCertificateRequest,
  type IssueNodeCertificateResponse,
  NodeCAService,
  type NodeCertificateStatusResponse,
} from '@swarmkit/sdk/wire/gen/swarmkit/ca';
import type { Cluster, Node } from '@swarmkit/sdk/wire/gen/swarmkit/objects';
import { IssuanceStatus_State } from '@swarmkit/sdk/wire/gen/swarmkit/types';
import { type CaServerConfig, caServer } from '../plugin.js';

export const tokens = { worker: 'the-worker-token', manager: 'the-managr-token' };
export const anybody = { id: 'test', writes: ['any'] } as const;

export class FakeAuthority {
  readonly signed: SignRequest[] = [];
  signWith(root: SigningRoot, request: SignRequest): string {
    if (request.csrPem.startsWith('bad'))
      throw new SwarmError('invalid-argument', 'CA_CSR', 'the request cannot be used');
    this.signed.push(request);
    const { role, nodeId, csrPem } = request;
    return `${role} ${nodeId} ${csrPem} by ${root.certificatePem}${root.intermediatesPem ?? ''}`;
  }
  inspectRoot(pem: string) {
    return { subject: Buffer.from(`subject of ${pem}`), publicKey: Buffer.from(`key of ${pem}`) };
  }
  /** `ID CLUSTER END KEY` is a certificate of that node, `key KEY` a request. */
  formerNode({ chainPem, csrPem }: FormerCertificate): FormerNode {
    const [nodeId = '', clusterId = '', end, key = ''] = chainPem.split(' ');
    if (csrPem !== `key ${key}`)
      throw new SwarmError('permission-denied', 'CA_PROOF', 'the certificate has another key');
    return { nodeId, clusterId, notAfter: Number(end), publicKey: Buffer.from(key) };
  }
  publicKeyOf(pem: string): Uint8Array | undefined {
    return Buffer.from(/key (\S+)/.exec(pem)?.[1] ?? 'none');
  }
  tokensFor(pem: string, fips: boolean) {
    const token = (role: string): string => `${role} token of ${pem}${fips ? ' fips' : ''}`;
    return { digest: `digest of ${pem}`, workerToken: token('w'), managerToken: token('m') };
  }
}

/** Signs at every address but those that are down. */
export class FakeExternal implements ExternalAuthority {
  readonly asked: ExternalAuthorities[] = [];
  isDown = false;
  async sign(asked: ExternalAuthorities, { nodeId }: SignRequest): Promise<string> {
    this.asked.push(asked);
    if (this.isDown) throw new SwarmError('unavailable', 'EXTCA_UNAVAILABLE', 'nobody answers');
    return `${nodeId} by ${asked.urls.join(' ')}`;
  }
  crossSign(): Promise<string> {
    return Promise.reject(new Error('nobody asks the signing loop for that'));
  }
  isReachable(): Promise<boolean> {
    return Promise.resolve(!this.isDown);
  }
}

export class Rig {
  readonly env = new VirtualEnv('ca-server');
  readonly clock = this.env.clock;
  readonly store = new FakeStore({ now: () => this.clock.now() });
  readonly network = new LoopbackNetwork(this.clock);
  readonly server = this.network.server('unix:/leader', '10.0.0.1:4242');
  readonly authority = new FakeAuthority();
  readonly external = new FakeExternal();
  readonly faults: unknown[] = [];
  readonly logged: string[] = [];
  private stopping = new AbortController();
  private context: Context<CaServerConfig> | undefined;

  seed(overrides: Partially<Cluster> = {}, ...nodes: Node[]): this {
    const rootCa = {
      caCert: Buffer.from('ROOT'),
      caKey: Buffer.from('KEY'),
      caCertHash: 'sha256:x',
      joinTokens: tokens,
    };
    this.store.seed({
      cluster: [aCluster({ id: 'cluster', VXLANUDPPort: 4789, rootCa, ...overrides })],
      node: nodes,
    });
    return this;
  }

  lead(t: TestContext): this {
    const given = new Map<string, unknown>([
      [Store.id, this.store],
      [RpcServer.id, this.server],
      [CertificateAuthority.id, this.authority],
      [ExternalAuthority.id, this.external],
    ]);
    this.stopping = new AbortController();
    const log = (_fields: unknown, message: string) => void this.logged.push(message);
    const fault = (error: unknown) => void this.faults.push(error);
    const subscriptions: { unsubscribe(): void }[] = [];
    this.context = {
      env: this.env,
      log: { debug: log, info: log, warn: log, error: log },
      signal: this.stopping.signal,
      config: { expiredGraceHours: 24 },
      get: (token: Token<unknown>) => given.get(token.id),
      maybe: (token: Token<unknown>) => given.get(token.id),
      consume: (
        _name: string,
        stream: { subscribe(next: unknown): { unsubscribe(): void } },
        handler: unknown,
      ) => {
        subscriptions.push(stream.subscribe(handler));
      },
      run: (_where: string, work: () => Promise<void>) => void work().catch(fault),
    } as unknown as Context<CaServerConfig>;
    void caServer.start?.(this.context);
    this.stopping.signal.addEventListener('abort', () => {
      for (const subscription of subscriptions) subscription.unsubscribe();
    });
    t.after(() => {
      this.resign();
      assert.deepEqual(this.faults, []);
    });
    return this;
  }

  resign(): void {
    this.stopping.abort();
    if (this.context !== undefined) void caServer.stop?.(this.context);
    this.context = undefined;
  }

  /** Connections of a caller; without a node id it has no certificate. */
  as(peer: Partial<Peer>, address = '10.0.0.1:4242') {
    const full = {
      nodeId: '',
      clusterId: peer.nodeId === undefined ? '' : 'cluster',
      role: 'none',
      ...peer,
    };
    const connection = this.network.client(full as Peer).connect(address);
    return {
      issue: (
        request: Partially<IssueNodeCertificateRequest>,
      ): Promise<IssueNodeCertificateResponse> =>
        connection.unary(
          NodeCAService.issueNodeCertificate,
          IssueNodeCertificateRequest.fromPartial(request as never),
        ),
      status: (nodeId: string, timeoutMs = 5_000): Promise<NodeCertificateStatusResponse> =>
        connection.unary(NodeCAService.nodeCertificateStatus, { nodeId }, { timeoutMs }),
      root: () => connection.unary(CAService.getRootCaCertificate, {}),
      unlockKey: () => connection.unary(CAService.getUnlockKey, {}),
    };
  }

  get newcomer() {
    return this.as({});
  }

  node(id: string): Node {
    const node = this.store.view().get('node', id);
    assert.ok(node !== undefined, `node ${id} is gone`);
    return node;
  }

  cluster(): Cluster {
    return this.store.view().get('cluster', 'cluster') as Cluster;
  }

  change(id: string, change: (node: Node) => Node): void {
    this.store.updateNow(anybody, (draft) => draft.update('node', change(this.node(id))));
  }

  changeCluster(change: (cluster: Cluster) => Cluster): void {
    this.store.updateNow(anybody, (draft) => draft.update('cluster', change(this.cluster())));
  }

  state(id: string): string {
    return IssuanceStatus_State[this.node(id).certificate?.status?.state ?? 0] ?? '';
  }
}

export async function refused(
  call: Promise<unknown>,
  kind: Kind,
  text: string | RegExp,
): Promise<void> {
  const error = await call.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  assert.ok(isSwarmError(error), `it was not refused: ${String(error)}`);
  assert.equal(error.kind, kind);
  if (typeof text === 'string') assert.equal(error.message, text);
  else assert.match(error.message, text);
}
