// Managers in memory that hand out certificates as SwarmKit's do: join tokens, long polls, rotation, and
// wrong answers on command.
import { X509Certificate } from 'node:crypto';
import type { Call, MountedService } from '@swarmkit/sdk/contracts/rpc';
import type { Env } from '@swarmkit/sdk/plugin/env';
import { SwarmError } from '@swarmkit/sdk/plugin/errors';
import { type LoopbackNetwork, LoopbackServer } from '@swarmkit/sdk/testkit/loopback-rpc';
import {
  CAService,
  GetRootCACertificateResponse,
  GetUnlockKeyResponse,
  type IssueNodeCertificateRequest,
  IssueNodeCertificateResponse,
  NodeCAService,
  NodeCertificateStatusResponse,
} from '@swarmkit/sdk/wire/gen/swarmkit/ca';
import { IssuanceStatus_State as State } from '@swarmkit/sdk/wire/gen/swarmkit/types';
import { Authority, type Root } from '../shell/authority.js';
import type { Dial, Guise } from '../shell/dial.js';
import { publicKeyOfCsr, spkiOf } from '../shell/x509.js';

interface FakeNode {
  role: 'manager' | 'worker';
  csr: Buffer;
  certificate: string;
  state: State;
  availability: number;
}

export const refuse = (kind: SwarmError['kind'], text: string): SwarmError =>
  new SwarmError(kind, 'FAKE', text);

export class FakeCa {
  readonly nodes = new Map<string, FakeNode>();
  readonly root: Root;
  readonly tokens: { readonly worker: string; readonly manager: string };
  readonly clusterId = 'fakecluster00000000000000';
  /** Roots as served; more than the signer's during a rotation. */
  rootsPem: string;
  /** Signs from now on. */
  signer: Authority;
  /** Follows each certificate that is handed out. */
  intermediates = '';
  kek: { version: bigint; key: Uint8Array } | undefined;
  expiryMs = 90 * 86_400_000;
  /** How many looks at its state a certificate takes. */
  slowness = 0;
  expiredAllowed = true;
  /** Every request and look, in words. */
  readonly asked: string[] = [];
  /** Thrown by the next requests, one each. */
  readonly faults: Error[] = [];

  constructor(private readonly env: Env) {
    this.signer = new Authority(env);
    this.root = this.signer.createRoot();
    this.signer.use(this.root);
    this.rootsPem = this.root.certificatePem;
    const { workerToken, managerToken } = this.signer.bootstrap();
    this.tokens = { worker: workerToken, manager: managerToken };
  }

  services(): readonly MountedService[] {
    return [
      {
        definition: CAService,
        expose: ['remote', 'control'],
        handlers: {
          getRootCaCertificate: {
            unary: () =>
              GetRootCACertificateResponse.create({ certificate: Buffer.from(this.rootsPem) }),
          },
          getUnlockKey: { unary: (_request, call: Call) => this.unlockKey(call) },
        },
      },
      {
        definition: NodeCAService,
        expose: ['remote', 'control'],
        handlers: {
          issueNodeCertificate: { unary: (request, call: Call) => this.issue(request, call) },
          nodeCertificateStatus: { unary: ({ nodeId }) => this.status(nodeId) },
        },
      },
    ];
  }

  serve(network: LoopbackNetwork, ...addresses: string[]): LoopbackServer {
    const server = network.server(...addresses);
    for (const service of this.services()) server.mount(service);
    return server;
  }

  async sign(nodeId: string): Promise<void> {
    const node = this.nodes.get(nodeId);
    if (node === undefined) throw new Error(`no node ${nodeId}`);
    const { clusterId, expiryMs } = this;
    const leaf = await this.signer.sign({
      csrPem: node.csr.toString(),
      clusterId,
      nodeId,
      role: node.role,
      expiryMs,
    });
    node.certificate = leaf + this.intermediates;
    node.state = State.ISSUED;
  }

  private unlockKey({ peer }: Call): GetUnlockKeyResponse {
    this.asked.push(`unlock key as ${peer.role}`);
    if (peer.role !== 'manager') throw refuse('permission-denied', 'not a manager');
    return GetUnlockKeyResponse.create({
      unlockKey: Buffer.from(this.kek?.key ?? []),
      version: { index: this.kek?.version ?? 3n },
    });
  }

  private issue(
    request: IssueNodeCertificateRequest,
    { peer }: Call,
  ): IssueNodeCertificateResponse {
    const { token, csr, availability, expiredCertificate } = request;
    this.asked.push(
      `certificate as ${peer.role}${token === '' ? '' : ' by token'}${expiredCertificate.length > 0 ? ' that ran out' : ''}`,
    );
    const fault = this.faults.shift();
    if (fault !== undefined) throw fault;
    publicKeyOfCsr(csr.toString());
    const nodeId = this.nodeIdOf(request, peer.nodeId);
    const role =
      this.nodes.get(nodeId)?.role ?? (token === this.tokens.manager ? 'manager' : 'worker');
    const state = State.PENDING;
    this.nodes.set(nodeId, { role, csr, certificate: '', state, availability });
    return IssueNodeCertificateResponse.create({ nodeId, nodeMembership: 1 });
  }

  private nodeIdOf(request: IssueNodeCertificateRequest, peerId: string): string {
    const { token, csr, expiredCertificate } = request;
    if (peerId !== '') return peerId;
    if (expiredCertificate.length > 0) {
      if (!this.expiredAllowed)
        throw refuse('permission-denied', 'the certificate ran out too long ago');
      const old = new X509Certificate(expiredCertificate);
      const isSameKey = spkiOf(old.publicKey).equals(spkiOf(publicKeyOfCsr(csr.toString())));
      if (!isSameKey) throw refuse('permission-denied', 'another key');
      return String(old.toLegacyObject().subject.CN);
    }
    if (token !== this.tokens.worker && token !== this.tokens.manager)
      throw refuse('invalid-argument', 'A valid join token is necessary to join this cluster');
    return this.env.id();
  }

  private looks = 0;

  private async status(nodeId: string): Promise<NodeCertificateStatusResponse> {
    this.asked.push('status');
    const node = this.nodes.get(nodeId);
    if (node === undefined) throw refuse('not-found', 'NotFound');
    this.looks += 1;
    if (node.state === State.PENDING && this.looks > this.slowness) {
      await this.sign(nodeId);
      this.looks = 0;
    }
    return NodeCertificateStatusResponse.fromPartial({
      status: { state: node.state, err: '' },
      certificate: { csr: node.csr, certificate: Buffer.from(node.certificate), cn: nodeId },
    });
  }
}

/** Connections over the network in memory, as the node that a guise shows. Remembers every one. */
export function loopbackDial(network: LoopbackNetwork): {
  readonly dial: Dial;
  readonly dialled: { readonly address: string; readonly guise: Guise }[];
} {
  const dialled: { readonly address: string; readonly guise: Guise }[] = [];
  const dial: Dial = (address, guise) => {
    dialled.push({ address, guise });
    const peer =
      guise.as === 'node'
        ? { nodeId: guise.identity.nodeId, role: guise.identity.role }
        : { nodeId: '', role: 'none' as const };
    return network.client(peer).connect(address);
  };
  return { dial, dialled };
}
