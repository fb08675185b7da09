import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execFileSync } from 'node:child_process';
import { X509Certificate } from 'node:crypto';
import { beforeEach, test } from 'node:test';
import { aCluster, aNode } from '@swarmkit/sdk/testkit/fixtures';
import type {
  RemoveNodeRequest,
  UpdateClusterRequest,
  UpdateNodeRequest,
} from '@swarmkit/sdk/wire/gen/swarmkit/control';
import { NodeSpec_Availability } from '@swarmkit/sdk/wire/gen/swarmkit/specs';
import { NodeRole, NodeStatus_State } from '@swarmkit/sdk/wire/gen/swarmkit/types';
import { FakeCluster, outOfSequence } from './fake-cluster.js';
import { runCtl } from './run-ctl.js';

let cluster: FakeCluster;
beforeEach(() => {
  cluster = new FakeCluster();
  cluster.clusters = [
    aCluster({ id: 'cluster1', rootCa: { joinTokens: { worker: 'W1', manager: 'M1' } } }),
  ];
  cluster.nodes = [
    aNode({
      id: 'node1',
      description: { hostname: 'alpha' },
      managerStatus: { leader: true, reachability: 2, raftId: 1n, addr: '10.0.0.1:4242' },
    }),
    aNode({
      id: 'node2',
      description: { hostname: 'beta' },
      spec: { annotations: { labels: { old: '1', keep: '2' } } },
    }),
  ];
  cluster.changeCluster = (one, rotation) => ({
    ...one,
    rootCa: one.rootCa && {
      ...one.rootCa,
      joinTokens: {
        worker: rotation?.workerJoinToken ? 'W2' : 'W1',
        manager: rotation?.managerJoinToken ? 'M2' : 'M1',
      },
    },
  });
});

const ctl = (...argv: string[]) => runCtl(cluster, argv);
const says = async (argv: readonly string[], expected: string): Promise<void> => {
  const { code, out, err } = await ctl(...argv);
  assert.deepEqual({ code, out, err }, { code: 0, out: expected, err: '' });
};
const refuses = async (argv: readonly string[], expected: RegExp, code = 2): Promise<void> => {
  const outcome = await ctl(...argv);
  assert.equal(outcome.code, code, outcome.err);
  assert.match(outcome.err, expected);
  assert.equal(outcome.err.split('\n').length, 2);
};
const asked = (): UpdateClusterRequest =>
  cluster.requests<UpdateClusterRequest>('updateCluster').at(-1) as UpdateClusterRequest;

test('join-token prints the line to run, and the token alone for scripts', async () => {
  await says(
    ['cluster', 'join-token', 'worker'],
    'swarmd --join-addr 10.0.0.1:4242 --join-token W1\n',
  );
  await says(['cluster', 'join-token', 'manager', '-q'], 'M1\n');
  await says(['cluster', 'join-token', 'worker', '--rotate', '-q'], 'W2\n');
  assert.equal(asked().rotation?.workerJoinToken, true);
  assert.equal(asked().rotation?.managerJoinToken, false);
  await refuses(['cluster', 'join-token', 'boss'], /must be one of worker, manager/);
  // A manager that listens everywhere has been seen somewhere.
  cluster.nodes = [
    aNode({
      id: 'm',
      status: { addr: '192.168.7.1' },
      managerStatus: { leader: true, addr: '0.0.0.0:4242' },
    }),
  ];
  await says(
    ['cluster', 'join-token', 'worker'],
    'swarmd --join-addr 192.168.7.1:4242 --join-token W2\n',
  );
  cluster.nodes = [];
  await refuses(['cluster', 'join-token', 'worker'], /no manager has an address/, 1);
});

test('update changes what is named and keeps the rest', async () => {
  await says(
    ['cluster', 'update', '--rotate-join-token', 'manager', '--cert-expiry', '2h'],
    'cluster1\nswarmd --join-addr 10.0.0.1:4242 --join-token M2\n',
  );
  const { spec, rotation } = asked();
  assert.equal(rotation?.managerJoinToken, true);
  assert.equal(spec?.caConfig?.nodeCertExpiry?.seconds, 7_200n);
  assert.equal(spec?.orchestration?.taskHistoryRetentionLimit, 5n);
  assert.equal(spec?.caConfig?.forceRotate, 0n);
});

test('a write in between is no reason to fail', async () => {
  cluster.faults.set('updateCluster', [outOfSequence()]);
  await says(['cluster', 'update', '--cert-expiry', '2h'], 'cluster1\n');
});

test('locking shows the key; a cluster without a lock has none', async () => {
  await refuses(['cluster', 'unlock-key'], /are not locked/, 1);
  cluster.key = Buffer.alloc(32, 1);
  const text = 'SWMKEY-1-AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE';
  await says(['cluster', 'unlock-key', '-q'], `${text}\n`);
  const { out } = await ctl('cluster', 'update', '--autolock=true');
  assert.ok(out.endsWith(`${text}\n`), out);
  assert.equal(asked().spec?.encryptionConfig?.autoLockManagers, true);
  await says(['cluster', 'unlock-key', '--rotate', '-q'], `${text}\n`);
  assert.equal(asked().rotation?.managerUnlockKey, true);
  await says(['cluster', 'update', '--autolock', 'off'], 'cluster1\n');
  assert.equal(asked().spec?.encryptionConfig?.autoLockManagers, false);
});

test('files and external CAs', async (t) => {
  const dir = mkdtempSync(join(tmpdir(), 'swarmctl-'));
  t.after(() => rmSync(dir, { recursive: true, force: true }));
  const file = join(dir, 'root.crt');
  writeFileSync(file, 'the root');
  await says(
    [
      'cluster',
      'update',
      '--external-ca',
      'https://a/sign',
      '--external-ca',
      `url=https://b,cacert=${file}`,
    ],
    'cluster1\n',
  );
  assert.deepEqual(
    asked().spec?.caConfig?.externalCas.map(({ url, caCert }) => [url, caCert.toString()]),
    [
      ['https://a/sign', ''],
      ['https://b', 'the root'],
    ],
  );
  await says(['cluster', 'update', '--ca-cert', file, '--ca-key', file, '--detach'], 'cluster1\n');
  assert.equal(asked().spec?.caConfig?.signingCaCert.toString(), 'the root');
  assert.equal(asked().spec?.caConfig?.signingCaKey.toString(), 'the root');
});

test('how much of the log managers keep', async () => {
  await says(
    ['cluster', 'update', '--snapshot-interval', '20000', '--max-snapshots', '2'],
    'cluster1\n',
  );
  const raft = asked().spec?.raft;
  assert.equal(raft?.snapshotInterval, 20_000n);
  assert.equal(raft?.keepOldSnapshots, 2n);
  assert.equal(raft?.logEntriesForSlowFollowers, 500n);
});

test('what no update can be', async () => {
  await refuses(['cluster', 'update'], /needs something to change/);
  await refuses(['cluster', 'update', '--cert-expiry', '59m'], /live for at least 1h/);
  await refuses(['cluster', 'update', '--max-snapshots', 'x'], /--max-snapshots/);
  await refuses(['cluster', 'update', '--autolock=maybe'], /must be one of true/);
  await refuses(['cluster', 'update', '--rotate-join-token', 'x'], /must be one of worker/);
  await refuses(['cluster', 'update', '--external-ca', 'http://a'], /must begin with https/);
  await refuses(['cluster', 'update', '--external-ca', 'url=https://a,x=1'], /x is not known/);
  await refuses(['cluster', 'update', '--ca-cert', '/nowhere'], /\/nowhere cannot be read/);
  await refuses(['cluster', 'update', '--ca-cert', '/x', '--rotate-root-ca'], /choose/);
  assert.equal(cluster.requests('updateCluster').length, 0);
});

/** A certificate to look at: its key is what nodes are compared by. */
function root(): { readonly pem: Buffer; readonly publicKey: Buffer } {
  const pem = execFileSync(
    'openssl',
    [
      ...['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'],
      ...['-keyout', '/dev/null', '-subj', '/CN=next', '-days', '1'],
    ],
    { stdio: ['ignore', 'pipe', 'ignore'] },
  );
  const spki = new X509Certificate(pem).publicKey.export({ type: 'spki', format: 'der' });
  return { pem, publicKey: spki };
}

function rotating(): { move(id: string): void; finish(caCert?: Buffer): void } {
  const { pem, publicKey } = root();
  cluster.changeCluster = (one) => ({
    ...one,
    rootCa: one.rootCa && {
      ...one.rootCa,
      rootRotation: { caCert: pem, caKey: Buffer.alloc(0), crossSignedCaCert: Buffer.alloc(0) },
    },
  });
  return {
    move: (id) => {
      const tlsInfo = { trustRoot: pem, certIssuerSubject: pem, certIssuerPublicKey: publicKey };
      cluster.nodes = cluster.nodes.map((node) =>
        node.id === id && node.description
          ? { ...node, description: { ...node.description, tlsInfo } }
          : node,
      );
    },
    finish: (caCert = pem) => {
      cluster.clusters = cluster.clusters.map((one) => ({
        ...one,
        rootCa: one.rootCa && { ...one.rootCa, caCert, rootRotation: undefined },
      }));
    },
  };
}

test('a root rotation is watched until it is in force', async () => {
  const rotation = rotating();
  cluster.nodes = cluster.nodes.map((node) =>
    node.id === 'node2' && node.status
      ? { ...node, status: { ...node.status, state: NodeStatus_State.DOWN } }
      : node,
  );
  const { code, out, err } = await runCtl(cluster, ['cluster', 'update', '--rotate-root-ca'], {
    asTimePasses: (ms) => {
      if (ms === 1_000) rotation.move('node1');
      if (ms === 3_000) rotation.finish();
    },
  });
  assert.equal(code, 0, err);
  assert.equal(out, 'cluster1\n');
  assert.equal(asked().spec?.caConfig?.forceRotate, 1n);
  assert.deepEqual(err.trim().split('\n'), [
    '0 of 2 nodes moved not connected: beta',
    '1 of 2 nodes moved not connected: beta',
    '2 of 2 nodes moved',
    'The new root certificate is in force',
  ]);
});

test('a rotation that ends otherwise, or is no longer watched, and a detached one', async () => {
  const rotation = rotating();
  const argv = ['cluster', 'update', '--rotate-root-ca'];
  const ended = await runCtl(cluster, argv, {
    asTimePasses: (ms) => {
      if (ms === 1_000) rotation.finish(Buffer.from('another'));
    },
  });
  assert.equal(ended.code, 1);
  assert.match(ended.err, /given up, or replaced/);
  const left = await runCtl(cluster, argv, { asTimePasses: (_ms, interrupt) => interrupt() });
  assert.equal(left.code, 130);
  assert.match(left.err, /goes on by itself/);
  const detached = await runCtl(cluster, [...argv, '--detach']);
  assert.deepEqual([detached.code, detached.ms], [0, 0]);
});

test('nodes: labels, availability, role, removal', async () => {
  await says(
    [
      'node',
      'update',
      '--label-add',
      'a=1',
      '--label-rm',
      'old',
      '--availability',
      'drain',
      'beta',
    ],
    'beta\n',
  );
  const changed = cluster.nodes.find(({ id }) => id === 'node2')?.spec;
  assert.deepEqual(changed?.annotations?.labels, { keep: '2', a: '1' });
  assert.equal(changed?.availability, NodeSpec_Availability.DRAIN);
  await says(['node', 'promote', 'node2'], 'node2\n');
  assert.equal(
    cluster.requests<UpdateNodeRequest>('updateNode').at(-1)?.spec?.desiredRole,
    NodeRole.MANAGER,
  );
  assert.match((await ctl('node', 'ls')).out, /node2 .*Joining/);
  await says(['node', 'demote', 'node2'], 'node2\n');
  await refuses(['node', 'update', 'beta'], /needs something to change/);
  await refuses(['node', 'update', '--availability', 'maybe', 'beta'], /must be one of active/);
  await says(['node', 'rm', '--force', 'beta'], 'beta\n');
  assert.equal(cluster.requests<RemoveNodeRequest>('removeNode').at(-1)?.force, true);
  await refuses(['node', 'rm', 'beta'], /node beta not found/, 3);
});
