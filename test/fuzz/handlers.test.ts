// Every method that a leader serves gets arbitrary requests, as bytes, from a manager and from a worker.
// It answers or refuses in words; never with the words of a JavaScript error, and the manager goes on.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { DescMessage, DescMethod } from '@bufbuild/protobuf';
import type { MethodDefinition } from '@grpc/grpc-js';
import type { RpcConnection } from '@swarmkit/sdk/contracts/rpc';
import { isSwarmError } from '@swarmkit/sdk/plugin/errors';
import { ControlService } from '@swarmkit/sdk/wire/gen/swarmkit/control';
import { SessionMessage } from '@swarmkit/sdk/wire/gen/swarmkit/dispatcher';
import {
  ClusterSpec,
  ConfigSpec,
  NetworkSpec,
  NodeSpec,
  SecretSpec,
  ServiceSpec,
  TaskSpec,
} from '@swarmkit/sdk/wire/gen/swarmkit/specs';
import { serviceSpec } from '../harness/specs.js';
import { LEADER, type LeaderHost, SOCKET, startLeader } from './leader-host.js';
import { MessageMaker, serviceTypes } from './message-maker.js';
import { fuzzSeconds, seeds } from './seconds.js';

const asIs = (bytes: Uint8Array): Buffer => Buffer.from(bytes);
const rawMethod = (method: DescMethod): MethodDefinition<Uint8Array, Uint8Array> => ({
  path: `/${method.parent.typeName}/${method.name}`,
  requestStream: method.methodKind === 'client_streaming' || method.methodKind === 'bidi_streaming',
  responseStream:
    method.methodKind === 'server_streaming' || method.methodKind === 'bidi_streaming',
  requestSerialize: asIs,
  requestDeserialize: asIs,
  responseSerialize: asIs,
  responseDeserialize: asIs,
});

const methods = serviceTypes
  .filter(({ typeName }) => typeName.startsWith('docker.swarmkit.v1.'))
  .flatMap((service) => service.methods);

/** What only a bug says. */
const JAVASCRIPT =
  /Cannot (?:read|mix|convert|set|destructure|use)|is not (?:a function|iterable|defined|an object|a constructor|extensible)|of undefined|of null|undefined|\[object |invariant|Maximum call stack|Invalid (?:array|string|time|count|attempt)|The value of .* is out of range|Reduce of empty|circular|NaN/;

async function* requestsOf(maker: MessageMaker, input: DescMessage) {
  for (let n = 1 + maker.below(3); n > 0; n--) yield new Uint8Array(maker.message(input));
}

async function call(
  connection: RpcConnection,
  method: DescMethod,
  maker: MessageMaker,
  sessions: string[],
): Promise<void> {
  const raw = rawMethod(method);
  // As one stream both ways, whatever the method is: on the wire they are the same.
  const requests = requestsOf(maker, method.input);
  let read = 0;
  for await (const answer of connection.bidi(raw, requests, { timeoutMs: 200 })) {
    if (method.name === 'Session') sessions.push(SessionMessage.decode(answer).sessionId);
    if (++read === 3) break;
  }
}

/** Everything that exists, to be named in requests. */
function objectsOf({ store }: LeaderHost) {
  const view = store.view();
  const kinds = ['service', 'task', 'node', 'network', 'secret', 'config', 'cluster'] as const;
  return kinds.flatMap((kind) =>
    [...view.find(kind, { by: 'all' })].slice(-30).map((object) => ({ kind, object })),
  );
}

const SPECS = {
  service: ['ServiceSpec', ServiceSpec],
  node: ['NodeSpec', NodeSpec],
  network: ['NetworkSpec', NetworkSpec],
  secret: ['SecretSpec', SecretSpec],
  config: ['ConfigSpec', ConfigSpec],
  cluster: ['ClusterSpec', ClusterSpec],
  task: ['TaskSpec', TaskSpec],
} as const;

/** The specs of everything that exists, to be changed a little. */
function samplesOf(objects: ReturnType<typeof objectsOf>): ReadonlyMap<string, Uint8Array[]> {
  const samples = new Map<string, Uint8Array[]>();
  for (const { kind, object } of objects) {
    const [type, codec] = SPECS[kind];
    const bytes = codec.encode(object.spec as never).finish();
    const name = `docker.swarmkit.v1.${type}`;
    samples.set(name, [...(samples.get(name) ?? []), bytes]);
  }
  return samples;
}

/** So that there is something to ask for, to change and to refer to. */
async function seed(manager: RpcConnection): Promise<void> {
  await manager.unary(ControlService.createService, {
    spec: serviceSpec({ name: 'web', replicas: 2 }),
  });
  const annotations = { name: 'data', labels: {}, indices: [] };
  const data = Buffer.from('data');
  await manager.unary(ControlService.createSecret, {
    spec: SecretSpec.fromPartial({ annotations, data }),
  });
  await manager.unary(ControlService.createConfig, {
    spec: ConfigSpec.fromPartial({ annotations, data }),
  });
}

/** Rounds at a time: a stream that says nothing takes its time. */
const AT_ONCE = 6;

test('no request makes a handler fail in words of its language, or the manager stop', async (t) => {
  const leader = await startLeader();
  t.after(() => leader.stop());
  const { nodeId, clusterId } = leader;
  const manager = leader.network.client({ nodeId, clusterId }).connect(SOCKET);
  const worker = leader.network
    .client({ nodeId, clusterId, role: 'worker', address: '192.168.7.7:5555' })
    .connect(LEADER);
  await seed(manager);
  const found: Record<string, string> = {};
  const answered = new Map<string, number>();
  const sessions: string[] = [];

  const round = async (name: string): Promise<void> => {
    const objects = objectsOf(leader);
    const ids = [
      nodeId,
      clusterId,
      ...sessions.slice(-5),
      ...objects.map(({ object }) => object.id),
    ];
    const versions = objects.map(({ object }) => object.meta?.version?.index ?? 0n);
    const samples = samplesOf(objects);
    await Promise.all(
      methods.map(async (method) => {
        const title = `${method.parent.name}/${method.name}`;
        const maker = new MessageMaker(`${name}/${title}`, {
          wild: 0.002,
          ids: () => ids,
          versions: () => versions,
          samples,
        });
        try {
          await call(maker.chance(0.7) ? manager : worker, method, maker, sessions);
          answered.set(title, (answered.get(title) ?? 0) + 1);
        } catch (error) {
          const message = isSwarmError(error) ? error.message : `not a SwarmError: ${error}`;
          if (JAVASCRIPT.test(message)) found[`${title}: ${message}`] = `FUZZ_SEED=${name}`;
        }
      }),
    );
  };
  const names = seeds(fuzzSeconds(7));
  await Promise.all(
    Array.from({ length: AT_ONCE }, async () => {
      for (const name of names) {
        await round(name);
        if (leader.faults.length > 0) break;
      }
    }),
  );
  assert.deepEqual(found, {});
  assert.deepEqual(leader.faults, []);
  const { nodes } = await manager.unary(
    ControlService.listNodes,
    { filters: undefined },
    { timeoutMs: 10_000 },
  );
  assert.ok(Array.isArray(nodes));
  t.diagnostic(`answered: ${[...answered].map(([name, times]) => `${name} ${times}`).join(', ')}`);
});
