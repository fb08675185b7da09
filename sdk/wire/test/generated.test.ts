// The generated tree: it is what the .proto files give today, and its files keep their promises.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import {
  appendFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { CAService, NodeCAService } from '../gen/swarmkit/ca.js';
import { ControlService } from '../gen/swarmkit/control.js';
import { DispatcherService } from '../gen/swarmkit/dispatcher.js';
import { HealthService } from '../gen/swarmkit/health.js';
import { LogBrokerService, LogsService } from '../gen/swarmkit/logbroker.js';
import { RaftMembershipService, RaftService } from '../gen/swarmkit/raft.js';
import { ResourceAllocatorService } from '../gen/swarmkit/resource.js';
import { WatchService } from '../gen/swarmkit/watch.js';
import { METHOD_ROLES, rolesOf } from '../method-roles.js';
import { ROOT } from './protoc.js';

function gen(...args: string[]): { status: number | null; stdout: string; stderr: string } {
  return spawnSync(process.execPath, [join(ROOT, 'scripts/gen.mjs'), ...args], {
    encoding: 'utf8',
  });
}

describe('gen', () => {
  let dir: string;

  before(() => {
    dir = mkdtempSync(join(tmpdir(), 'swarmkit-gen-test-'));
  });
  after(() => rmSync(dir, { recursive: true, force: true }));

  it('--check finds the checked-in code fresh', () => {
    const { status, stderr } = gen('--check');
    assert.equal(stderr, '');
    assert.equal(status, 0);
  });

  it('--check names what is changed, missing and left over, in one sentence', () => {
    assert.equal(gen('--out', dir).status, 0);
    appendFileSync(join(dir, 'raftpb/raft.ts'), '// changed\n');
    rmSync(join(dir, 'swarmkit/ca.ts'));
    mkdirSync(join(dir, 'old'));
    writeFileSync(join(dir, 'old/gone.ts'), '');
    const { status, stderr } = gen('--check', '--out', dir);
    assert.equal(status, 1);
    assert.match(
      stderr,
      /^Generated code is stale, run "npm run gen": \S*old\/gone\.ts, \S*raftpb\/raft\.ts, \S*swarmkit\/ca\.ts\.\n$/,
    );
  });

  it('mends what is stale', () => {
    assert.match(gen('--out', dir).stdout, /, 2 written, 1 removed\n$/);
    assert.match(readFileSync(join(dir, 'swarmkit/ca.ts'), 'utf8'), /export const CAService/);
    assert.ok(!existsSync(join(dir, 'old/gone.ts')));
  });
});

describe('generated files', () => {
  for (const path of [
    'swarmkit/objects',
    'swarmkit/specs',
    'swarmkit/types',
    'swarmkit/snapshot',
    'raftpb/raft',
  ]) {
    it(`${path} does not load gRPC`, () => {
      const text = readFileSync(join(ROOT, `sdk/wire/gen/${path}.ts`), 'utf8');
      assert.match(text, /^import \{ FastReader/m);
      assert.doesNotMatch(text, /@grpc/);
    });
  }
});

describe('method roles', () => {
  const services = [
    CAService,
    NodeCAService,
    ControlService,
    DispatcherService,
    HealthService,
    LogBrokerService,
    LogsService,
    RaftMembershipService,
    RaftService,
    ResourceAllocatorService,
    WatchService,
  ];

  it('name every method of SwarmKit and no other', () => {
    const paths = services.flatMap((service) =>
      Object.values<{ path: string }>(service).map((method) => method.path),
    );
    assert.deepStrictEqual(Object.keys(METHOD_ROLES).sort(), paths.sort());
  });

  it('say who may call', () => {
    assert.equal(rolesOf(NodeCAService.issueNodeCertificate.path), 'insecure');
    assert.deepStrictEqual(rolesOf(ControlService.listNodes.path), ['swarm-manager']);
    assert.deepStrictEqual(rolesOf(DispatcherService.session.path), [
      'swarm-worker',
      'swarm-manager',
    ]);
    assert.equal(rolesOf('/docker.swarmkit.v1.Control/DropTables'), undefined);
    assert.equal(rolesOf('constructor'), undefined);
  });
});
