import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isSwarmError } from '@swarmkit/sdk/plugin/errors';
import { aNode, aService, aTaskOf } from '@swarmkit/sdk/testkit/fixtures';
import * as wire from '@swarmkit/sdk/wire/gen/swarmkit/control';
import { Config, Extension, Resource, Volume } from '@swarmkit/sdk/wire/gen/swarmkit/objects';
import fc from 'fast-check';
import { Api, aSpec } from './api.js';

// A client may send any bytes that decode. The answer is a message or a refusal, never a fault of ours.

const service = aService({ id: 'web', spec: aSpec() as never });
const node = aNode({ id: 'node' });
const version = { index: 0n };

function world(): Api {
  const api = new Api({ members: [{ nodeId: 'node' }] });
  api.store.seed({
    config: [Config.create({ id: 'config', spec: { annotations: { name: 'c' } } } as never)],
    extension: [Extension.create({ id: 'lock', annotations: { name: 'lock' } } as never)],
    resource: [
      Resource.create({ id: 'door', kind: 'lock', annotations: { name: 'door' } } as never),
    ],
    volume: [Volume.fromPartial({ id: 'volume', spec: { annotations: { name: 'v' } } } as never)],
    node: [node],
    service: [service],
    task: [aTaskOf(service, { id: 'task', nodeId: 'node' })],
  });
  return api;
}

/** Whole requests to begin from: what is cut out of them, or turned over in them, is the test. */
const requests: [method: keyof typeof wire.ControlService, bytes: Buffer][] = [
  ['createService', encode(wire.CreateServiceRequest, { spec: rich() })],
  [
    'updateService',
    encode(wire.UpdateServiceRequest, {
      serviceId: 'web',
      serviceVersion: version,
      spec: rich(),
      rollback: 1,
    }),
  ],
  ['getService', encode(wire.GetServiceRequest, { serviceId: 'web', insertDefaults: true })],
  [
    'listServices',
    encode(wire.ListServicesRequest, {
      filters: { names: ['web'], labels: { a: '' }, runtimes: ['x'] },
    }),
  ],
  ['listServiceStatuses', encode(wire.ListServiceStatusesRequest, { services: ['web', 'x'] })],
  ['removeService', encode(wire.RemoveServiceRequest, { serviceId: 'web' })],
  [
    'updateNode',
    encode(wire.UpdateNodeRequest, { nodeId: 'node', nodeVersion: version, spec: node.spec }),
  ],
  ['removeNode', encode(wire.RemoveNodeRequest, { nodeId: 'node', force: true })],
  [
    'listNodes',
    encode(wire.ListNodesRequest, {
      filters: { labels: { a: 'b' }, roles: [1], nodeLabels: { c: '' } },
    }),
  ],
  [
    'listTasks',
    encode(wire.ListTasksRequest, {
      filters: { upToDate: true, serviceIds: ['web'], desiredStates: [512] },
    }),
  ],
  ['removeTask', encode(wire.RemoveTaskRequest, { taskId: 'task' })],
  [
    'updateCluster',
    encode(wire.UpdateClusterRequest, {
      clusterId: 'cluster',
      clusterVersion: version,
      spec: {
        annotations: { name: 'default' },
        caConfig: { nodeCertExpiry: { seconds: 7200n, nanos: 0 }, forceRotate: 0n },
        dispatcher: { heartbeatPeriod: { seconds: 5n, nanos: 1 } },
      },
      rotation: { workerJoinToken: true, managerJoinToken: true, managerUnlockKey: true },
    }),
  ],
];

requests.push(
  [
    'createNetwork',
    encode(wire.CreateNetworkRequest, {
      spec: {
        annotations: { name: 'net', labels: { a: 'b' } },
        driverConfig: { name: 'bridge' },
        ipam: { configs: [{ subnet: '10.0.0.0/24', range: '10.0.0.0/25', gateway: 'fd00::1' }] },
      },
    }),
  ],
  ['listNetworks', encode(wire.ListNetworksRequest, { filters: { namePrefixes: ['n'] } })],
  [
    'createSecret',
    encode(wire.CreateSecretRequest, {
      spec: { annotations: { name: 's' }, data: Buffer.from('x'), driver: { name: 'd' } },
    }),
  ],
  [
    'listSecrets',
    encode(wire.ListSecretsRequest, { filters: { names: ['s'], labels: { a: '' } } }),
  ],
  [
    'updateConfig',
    encode(wire.UpdateConfigRequest, {
      configId: 'config',
      configVersion: version,
      spec: { annotations: { name: 'c', labels: { a: 'b' } }, data: Buffer.from('x') },
    }),
  ],
  ['removeConfig', encode(wire.RemoveConfigRequest, { configId: 'config' })],
);

requests.push(
  [
    'createVolume',
    encode(wire.CreateVolumeRequest, {
      spec: {
        annotations: { name: 'v' },
        driver: { name: 'd' },
        accessMode: { accessType: { $case: 'mount', value: { fsType: 'ext4' } } },
        secrets: [{ key: 'k', secret: 's' }],
      },
    }),
  ],
  [
    'updateVolume',
    encode(wire.UpdateVolumeRequest, {
      volumeId: 'volume',
      volumeVersion: version,
      spec: { annotations: { name: 'v', labels: { a: 'b' } }, availability: 2 },
    }),
  ],
  ['removeVolume', encode(wire.RemoveVolumeRequest, { volumeId: 'volume', force: true })],
  [
    'listVolumes',
    encode(wire.ListVolumesRequest, { filters: { groups: ['g'], drivers: ['d'], names: ['v'] } }),
  ],
  [
    'createExtension',
    encode(wire.CreateExtensionRequest, { annotations: { name: 'key' }, description: 'd' }),
  ],
  ['removeExtension', encode(wire.RemoveExtensionRequest, { extensionId: 'lock' })],
  [
    'createResource',
    encode(wire.CreateResourceRequest, {
      annotations: { name: 'r' },
      kind: 'lock',
      payload: { typeUrl: 't', value: Buffer.from('x') },
    }),
  ],
  [
    'updateResource',
    encode(wire.UpdateResourceRequest, {
      resourceId: 'door',
      resourceVersion: version,
      annotations: { name: 'door' },
    }),
  ],
  [
    'listResources',
    encode(wire.ListResourcesRequest, { filters: { kind: 'lock', namePrefixes: ['d'] } }),
  ],
);

function encode(type: unknown, partial: unknown): Buffer {
  const codec = type as {
    fromPartial(value: unknown): unknown;
    encode(value: unknown): { finish(): Uint8Array };
  };
  return Buffer.from(codec.encode(codec.fromPartial(partial)).finish());
}

function rich() {
  return aSpec({
    annotations: { name: 'web', labels: { a: 'b' } },
    task: {
      runtime: {
        $case: 'container',
        value: {
          image: 'busybox:1',
          env: ['A=b{{.Task.Slot}}'],
          hostname: '{{.Node.Hostname}}-{{range $i := .Service.Name}}x{{end}}',
          mounts: [{ target: '/a', source: 'v', type: 1 }],
          healthcheck: { interval: { seconds: 1n, nanos: 0 }, retries: 3 },
          secrets: [
            { secretId: 's', secretName: 's', target: { $case: 'file', value: { name: 'f' } } },
          ],
          privileges: { credentialSpec: { source: { $case: 'config', value: 'c' } } },
        },
      },
      resources: { limits: { nanoCpus: 5_000_000n, memoryBytes: 1n << 30n } },
      restart: { condition: 1, delay: { seconds: 1n, nanos: 5 }, maxAttempts: 2n },
      placement: { constraints: ['node.role == worker'], maxReplicas: 3n },
      networks: [{ target: 'n', aliases: ['x'] }],
    },
    update: { parallelism: 2n, maxFailureRatio: 0.5, monitor: { seconds: 3n, nanos: 0 } },
    endpoint: { ports: [{ targetPort: 80, publishedPort: 8080, publishMode: 1 }] },
  });
}

const damage = fc.array(
  fc.record({
    at: fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
    remove: fc.constantFrom(0, 0, 1, 2, 5),
    insert: fc.uint8Array({ maxLength: 3 }),
  }),
  { minLength: 1, maxLength: 4 },
);

function damaged(
  bytes: Buffer,
  wounds: readonly { at: number; remove: number; insert: Uint8Array }[],
) {
  return wounds.reduce((whole, { at, remove, insert }) => {
    const cut = Math.floor(at * whole.length);
    return Buffer.concat([whole.subarray(0, cut), insert, whole.subarray(cut + remove)]);
  }, bytes);
}

test('damaged requests are answered or refused, and the answer can be sent', async () => {
  let understood = 0;
  await fc.assert(
    fc.asyncProperty(fc.constantFrom(...requests), damage, async ([method, bytes], wounds) => {
      const { requestDeserialize } = wire.ControlService[method] as unknown as {
        requestDeserialize(bytes: Buffer): object;
      };
      let request: object;
      try {
        request = requestDeserialize(damaged(bytes, wounds));
      } catch {
        // The rpc server refuses what does not decode.
        return;
      }
      understood += 1;
      await world()
        .call(method, request as never)
        .catch((error: unknown) => assert.ok(isSwarmError(error), String((error as Error).stack)));
    }),
    { numRuns: 1500 },
  );
  assert.ok(understood > 100, `only ${understood} requests were understood`);
});

test('every method of the service has a handler', () => {
  const api = new Api();
  const methods = Object.keys(wire.ControlService) as (keyof typeof wire.ControlService)[];
  assert.deepEqual(
    methods.filter((method) => !api.handles(method)),
    [],
  );
});

test('empty requests are refused or answered', async () => {
  const api = world();
  for (const [method] of requests)
    await api
      .call(method, {})
      .catch((error: unknown) => assert.ok(isSwarmError(error), String((error as Error).stack)));
});
