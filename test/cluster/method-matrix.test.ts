// Every method of every service, over real TLS, asked by everybody there is, against the table.
import 'reflect-metadata';
import assert from 'node:assert/strict';
import { webcrypto } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import type { MethodDefinition, ServiceDefinition } from '@grpc/grpc-js';
import { realEnv } from '@swarmkit/kernel/env';
import { Host } from '@swarmkit/kernel/host';
import { createLogger } from '@swarmkit/kernel/log';
import {
  newcomerCredentials,
  nodeCredentials,
  openConnection,
} from '@swarmkit/sdk/client/connection';
import { CertificateAuthority } from '@swarmkit/sdk/contracts/certificate-authority';
import { type Identity, NodeIdentity } from '@swarmkit/sdk/contracts/identity';
import { RpcServer } from '@swarmkit/sdk/contracts/rpc';
import { isSwarmError, SwarmError } from '@swarmkit/sdk/plugin/errors';
import { definePlugin, type PluginManifest } from '@swarmkit/sdk/plugin/plugin';
import { CAService, NodeCAService } from '@swarmkit/sdk/wire/gen/swarmkit/ca';
import { ControlService } from '@swarmkit/sdk/wire/gen/swarmkit/control';
import { DispatcherService } from '@swarmkit/sdk/wire/gen/swarmkit/dispatcher';
import { HealthService } from '@swarmkit/sdk/wire/gen/swarmkit/health';
import { LogBrokerService, LogsService } from '@swarmkit/sdk/wire/gen/swarmkit/logbroker';
import { RaftMembershipService, RaftService } from '@swarmkit/sdk/wire/gen/swarmkit/raft';
import { ResourceAllocatorService } from '@swarmkit/sdk/wire/gen/swarmkit/resource';
import { WatchService } from '@swarmkit/sdk/wire/gen/swarmkit/watch';
import { METHOD_ROLES, rolesOf } from '@swarmkit/sdk/wire/method-roles';
import * as x509 from '@peculiar/x509';
import { root } from '../house/source-files.js';

const SERVICES: readonly ServiceDefinition[] = [
  CAService,
  NodeCAService,
  ControlService,
  DispatcherService,
  HealthService,
  LogBrokerService,
  LogsService,
  RaftService,
  RaftMembershipService,
  ResourceAllocatorService,
  WatchService,
];

x509.cryptoProvider.set(webcrypto as never);
const ECDSA = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };

/** A key, and a request for a certificate of it. */
async function request() {
  const keys = (await webcrypto.subtle.generateKey(ECDSA, true, ['sign', 'verify'])) as never;
  const csr = await x509.Pkcs10CertificateRequestGenerator.create({
    keys,
    signingAlgorithm: ECDSA,
  });
  const { privateKey } = keys as { privateKey: webcrypto.CryptoKey };
  const pkcs8 = Buffer.from(await webcrypto.subtle.exportKey('pkcs8', privateKey));
  const keyPem = `-----BEGIN PRIVATE KEY-----\n${pkcs8.toString('base64')}\n-----END PRIVATE KEY-----\n`;
  return { csrPem: `${csr.toString('pem')}\n`, keyPem };
}

const asIs = (bytes: Uint8Array): Buffer => Buffer.from(bytes);
const raw = (path: string): MethodDefinition<Uint8Array, Uint8Array> => ({
  path,
  requestStream: true,
  responseStream: true,
  requestSerialize: asIs,
  requestDeserialize: asIs,
  responseSerialize: asIs,
  responseDeserialize: asIs,
});

async function* empty() {
  yield new Uint8Array();
}

const removed = (nodeId: string): SwarmError =>
  new SwarmError(
    'permission-denied',
    'REMOVED_NODE',
    `Permission denied: node ${nodeId} was removed from swarm`,
  );

test('every method admits exactly whom the table names', async (t) => {
  const dir = mkdtempSync(path.join(tmpdir(), 'swarmkit-matrix-'));
  t.after(() => rmSync(dir, { recursive: true, force: true }));
  const load = async (name: string): Promise<PluginManifest> =>
    (
      (await import(path.join(root, `plugins/${name}/dist/plugin.js`))) as {
        default: PluginManifest;
      }
    ).default;
  let server: RpcServer | undefined;
  let authority: CertificateAuthority | undefined;
  let self: Identity | undefined;
  const eye = definePlugin({
    id: 'eye',
    version: '1.0.0',
    scope: 'node',
    requires: [RpcServer, CertificateAuthority, NodeIdentity],
    start(ctx) {
      server = ctx.get(RpcServer);
      authority = ctx.get(CertificateAuthority);
      self = ctx.get(NodeIdentity).current();
    },
  });
  const host = new Host({
    plugins: [await load('ca'), await load('rpc'), eye] as readonly PluginManifest[],
    config: {
      ca: { dir: path.join(dir, 'certificates'), managersFile: path.join(dir, 'state.json') },
      rpc: { controlSocket: path.join(dir, 'control.sock'), remoteAddress: '127.0.0.1:0' },
    },
    env: realEnv,
    log: createLogger('silent'),
  });
  await host.start();
  t.after(() => host.stop());
  assert.ok(server !== undefined && authority !== undefined && self !== undefined);
  const { clusterId, rootsPem } = self;
  const ca = authority;

  // Whoever is let in is answered; Health answers itself.
  for (const definition of SERVICES)
    server.mountStandIn({
      definition,
      expose: ['remote'],
      defers: () => false,
      route: async () => async (_requests, send) => send(new Uint8Array()),
    });
  server.guard({
    id: 'removed',
    authorize: ({ path: asked, peer }) => {
      if (peer.nodeId === 'removed' && rolesOf(asked) !== 'insecure') throw removed('removed');
    },
  });
  const address = server.endpoints().find(({ exposure }) => exposure === 'remote')?.address ?? '';

  const certified = async (nodeId: string, role: 'manager' | 'worker', cluster = clusterId) => {
    const { csrPem, keyPem } = await request();
    const expiryMs = 3_600_000;
    const certificatePem = await ca.sign({ csrPem, nodeId, clusterId: cluster, role, expiryMs });
    return nodeCredentials({ certificatePem, keyPem, rootsPem });
  };
  const callers = {
    nobody: newcomerCredentials(rootsPem),
    worker: await certified('worker1', 'worker'),
    manager: await certified('manager1', 'manager'),
    removed: await certified('removed', 'manager'),
    foreign: await certified('manager1', 'manager', 'another cluster'),
  };
  const refusals: { readonly [caller: string]: RegExp } = {
    nobody: /^Permission denied: unauthorized peer role: .* no client certificates in request$/,
    worker: /remote certificate not part of OUs: \[swarm-manager\]$/,
    removed: /node removed was removed from swarm$/,
    foreign: /remote certificate not part of organization: [0-9a-z]{25}$/,
  };
  const admitted = (caller: keyof typeof callers, asked: string): boolean => {
    const roles = rolesOf(asked);
    if (roles === 'insecure') return true;
    if (caller === 'manager') return roles?.includes('swarm-manager') === true;
    return caller === 'worker' && roles?.includes('swarm-worker') === true;
  };

  const paths = SERVICES.flatMap((service) => Object.values(service).map((one) => one.path));
  assert.deepEqual([...paths].sort(), Object.keys(METHOD_ROLES).sort());
  for (const [caller, trust] of Object.entries(callers)) {
    const connection = openConnection(address, () => trust);
    t.after(() => connection.close());
    for (const asked of paths) {
      const told = `${caller} asks ${asked}`;
      let refusal: unknown;
      try {
        for await (const _answer of connection.bidi(raw(asked), empty(), { timeoutMs: 10_000 }));
      } catch (error) {
        refusal = error;
      }
      if (admitted(caller as keyof typeof callers, asked)) assert.equal(refusal, undefined, told);
      else {
        assert.ok(isSwarmError(refusal), told);
        assert.equal(refusal.kind, 'permission-denied', told);
        assert.match(refusal.message, refusals[caller] as RegExp, told);
      }
    }
  }
});
