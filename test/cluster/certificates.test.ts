import 'reflect-metadata';
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { createHash, webcrypto, X509Certificate } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { type TestContext, test } from 'node:test';
import * as x509 from '@peculiar/x509';
import { Host } from '@swarmkit/kernel/host';
import { createLogger } from '@swarmkit/kernel/log';
import ca from '@swarmkit/plugin-ca/plugin';
import caServer from '@swarmkit/plugin-ca-server/plugin';
import cluster from '@swarmkit/plugin-cluster/plugin';
import controlApi from '@swarmkit/plugin-control-api/plugin';
import type { Peer } from '@swarmkit/sdk/contracts/rpc';
import { RpcServer } from '@swarmkit/sdk/contracts/rpc';
import { ScopeGates } from '@swarmkit/sdk/contracts/scope-gate';
import { Store } from '@swarmkit/sdk/contracts/store';
import { definePlugin, type PluginManifest } from '@swarmkit/sdk/plugin/plugin';
import { FakeStore } from '@swarmkit/sdk/testkit/fake-store';
import { LoopbackNetwork } from '@swarmkit/sdk/testkit/loopback-rpc';
import { VirtualClock, VirtualEnv } from '@swarmkit/sdk/testkit/virtual-env';
import { IssueNodeCertificateRequest, NodeCAService } from '@swarmkit/sdk/wire/gen/swarmkit/ca';
import { ControlService, UpdateClusterRequest } from '@swarmkit/sdk/wire/gen/swarmkit/control';
import type { Cluster } from '@swarmkit/sdk/wire/gen/swarmkit/objects';
import { IssuanceStatus_State, NodeDescription } from '@swarmkit/sdk/wire/gen/swarmkit/types';
import { BehaviorSubject } from 'rxjs';

// The leader's certificate authority whole: who founds, who admits, who signs and who rotates, as plugins
// that know nothing but contracts. Nodes are false, their keys and requests are another library's, and
// OpenSSL judges what they are given.

x509.cryptoProvider.set(webcrypto as never);
const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const;
const address = '10.0.0.1:4242';

class FalseLeader {
  readonly clock = new VirtualClock(Date.now());
  readonly store = new FakeStore({ now: () => this.clock.now() });
  readonly network = new LoopbackNetwork(this.clock);
  readonly dir = mkdtempSync(path.join(tmpdir(), 'swarmkit-certificates-'));

  async start(t: TestContext): Promise<this> {
    const { store, clock, dir } = this;
    const server = this.network.server(address);
    const around = definePlugin({
      id: 'around',
      version: '1.0.0',
      scope: 'node',
      provides: [Store, RpcServer],
      contributes: [ScopeGates],
      register(ctx) {
        ctx.provide(Store, store);
        ctx.provide(RpcServer, server);
        ctx.provide(ScopeGates, { scope: 'leader', open$: new BehaviorSubject(true) });
      },
    });
    const plugins = [around, ca, cluster, caServer, controlApi] as readonly unknown[];
    const host = new Host({
      plugins: plugins as readonly PluginManifest[],
      config: {
        ca: { dir: path.join(dir, 'certificates'), managersFile: path.join(dir, 'state.json') },
      },
      env: new VirtualEnv('certificates', undefined, clock),
      log: createLogger('silent'),
    });
    t.after(async () => {
      await host.stop();
      rmSync(dir, { recursive: true, force: true });
    });
    await host.start();
    await host.settled();
    await clock.until(() => store.view().count('cluster') === 1);
    return this;
  }

  get cluster(): Cluster {
    const [found] = this.store.view().find('cluster', { by: 'all' });
    assert.ok(found !== undefined);
    return found;
  }

  as(peer: Partial<Peer>) {
    const nobody = { nodeId: '', clusterId: '', role: 'none' } as const;
    return this.network.client({ ...nobody, ...peer }).connect(address);
  }

  file(name: string, text: string): string {
    const file = path.join(this.dir, name);
    writeFileSync(file, text);
    return file;
  }

  /** Throws unless OpenSSL finds nothing to object to. */
  verify(roots: Buffer, chain: string): void {
    const [leaf = '', ...others] = chain.split(/(?<=-----END CERTIFICATE-----\n)/);
    const args = ['verify', '-x509_strict', '-purpose', 'sslclient'];
    const untrusted =
      others.length === 0 ? [] : ['-untrusted', this.file('others', others.join(''))];
    const rootFile = this.file('roots', roots.toString());
    const said = execFileSync(
      'openssl',
      [...args, '-CAfile', rootFile, ...untrusted, this.file('leaf', leaf)],
      { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] },
    );
    assert.match(said, /: OK/);
  }
}

async function newRequest() {
  const keys = await webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify']);
  const request = await x509.Pkcs10CertificateRequestGenerator.create({
    keys: keys as never,
    signingAlgorithm: algorithm,
  });
  const spki = Buffer.from(await webcrypto.subtle.exportKey('spki', keys.publicKey));
  return { csr: Buffer.from(request.toString('pem')), spki };
}

async function certificateFor(leader: FalseLeader, peer: Partial<Peer>, token: string) {
  const { csr, spki } = await newRequest();
  const connection = leader.as(peer);
  const { nodeId } = await connection.unary(
    NodeCAService.issueNodeCertificate,
    IssueNodeCertificateRequest.fromPartial({ csr, token }),
  );
  const { status, certificate } = await connection.unary(NodeCAService.nodeCertificateStatus, {
    nodeId,
  });
  assert.equal(status?.state, IssuanceStatus_State.ISSUED, status?.err);
  const pem = certificate?.certificate.toString() ?? '';
  const leaf = new X509Certificate(pem);
  assert.deepEqual(leaf.publicKey.export({ type: 'spki', format: 'der' }), spki);
  assert.ok(leaf.subject.endsWith(`CN=${nodeId}`), leaf.subject);
  return { nodeId, pem, leaf };
}

const digestOfToken = (token: string): string =>
  [...(token.split('-')[2] ?? '')]
    .reduce((value, char) => value * 36n + BigInt(Number.parseInt(char, 36)), 0n)
    .toString(16)
    .padStart(64, '0');

test('200 nodes join at once, and a root rotation moves all of them', async (t) => {
  const leader = await new FalseLeader().start(t);
  const founded = leader.cluster;
  const { worker = '', manager = '' } = founded.rootCa?.joinTokens ?? {};
  const oldRoot = founded.rootCa?.caCert as Buffer;
  assert.equal(digestOfToken(worker), createHash('sha256').update(oldRoot).digest('hex'));

  const commits = leader.store.commits.length;
  const joined = await Promise.all(
    Array.from({ length: 200 }, (_, i) =>
      certificateFor(leader, {}, i % 50 === 0 ? manager : worker),
    ),
  );
  assert.ok(leader.store.commits.length - commits <= 60, 'a commit is for many nodes');
  const old = new X509Certificate(oldRoot);
  for (const { leaf } of joined) assert.ok(leaf.checkIssued(old) && leaf.verify(old.publicKey));
  leader.verify(oldRoot, joined[0]?.pem ?? '');
  leader.verify(oldRoot, joined[1]?.pem ?? '');
  assert.match(joined[0]?.leaf.subjectAltName ?? '', /DNS:swarm-manager, .*DNS:swarm-ca/);
  assert.doesNotMatch(joined[1]?.leaf.subjectAltName ?? '', /swarm-ca/);

  const [founder] = leader.store
    .view()
    .find('node', { by: 'all' })
    .filter(({ id }) => joined.every(({ nodeId }) => nodeId !== id));
  const self = { nodeId: founder?.id ?? '', clusterId: founded.id, role: 'manager' } as const;
  const spec = founded.spec && {
    ...founded.spec,
    caConfig: founded.spec.caConfig && { ...founded.spec.caConfig, forceRotate: 1n },
  };
  await leader.as(self).unary(
    ControlService.updateCluster,
    UpdateClusterRequest.fromPartial({
      clusterId: founded.id,
      clusterVersion: founded.meta?.version,
      spec,
    } as never),
  );
  const next = leader.cluster.rootCa?.rootRotation?.caCert as Buffer;
  assert.ok(next !== undefined && !next.equals(oldRoot));

  // What nodes do that hear ROTATE: renew, and report whose certificate they have then.
  const issuer = new x509.X509Certificate(next.toString());
  const tlsInfo = {
    trustRoot: oldRoot,
    certIssuerSubject: Buffer.from(issuer.subjectName.toArrayBuffer()),
    certIssuerPublicKey: Buffer.from(issuer.publicKey.rawData),
  };
  const toMove = () =>
    leader.store
      .view()
      .find('node', { by: 'all' })
      .filter(({ certificate }) => certificate?.status?.state === IssuanceStatus_State.ROTATE);
  let moved = 0;
  let largest = 0;
  while (leader.cluster.rootCa?.rootRotation !== undefined) {
    await leader.clock.until(
      () => toMove().length > 0 || leader.cluster.rootCa?.rootRotation === undefined,
    );
    const batch = toMove();
    largest = Math.max(largest, batch.length);
    const renewed = await Promise.all(
      batch.map(({ id, role }) =>
        certificateFor(
          leader,
          { nodeId: id, clusterId: founded.id, role: role === 1 ? 'manager' : 'worker' },
          '',
        ),
      ),
    );
    const [sample] = renewed;
    if (sample !== undefined) {
      leader.verify(oldRoot, sample.pem);
      leader.verify(next, sample.pem);
    }
    moved += renewed.length;
    leader.store.updateNow({ id: 'test', writes: ['any'] }, (draft) => {
      for (const { nodeId } of renewed) {
        const node = draft.get('node', nodeId);
        assert.ok(node !== undefined);
        const description = { ...(node.description ?? NodeDescription.create()), tlsInfo };
        draft.update('node', { ...node, description });
      }
    });
  }
  assert.deepEqual([moved, largest], [201, 30]);
  const { rootCa } = leader.cluster;
  assert.ok(rootCa?.caCert.equals(next));
  const digest = createHash('sha256').update(next).digest('hex');
  assert.equal(rootCa?.caCertHash, `sha256:${digest}`);
  assert.equal(digestOfToken(rootCa?.joinTokens?.worker ?? ''), digest);
  await assert.rejects(certificateFor(leader, {}, worker), { kind: 'invalid-argument' });
  const late = await certificateFor(leader, {}, rootCa?.joinTokens?.worker ?? '');
  leader.verify(next, late.pem);
});
