import assert from 'node:assert/strict';
import test from 'node:test';
import { aNode, aService, type Partially } from '../../testkit/fixtures.js';
import { NodeSpec_Availability, type ServiceSpec } from '../../wire/gen/swarmkit/specs.js';
import { NodeStatus_State } from '../../wire/gen/swarmkit/types.js';
import { noRoomFor } from '../update-room.js';

const nodes = (count: number) => Array.from({ length: count }, () => aNode());
const hostPort: Partially<ServiceSpec> = {
  endpoint: { ports: [{ publishedPort: 80, publishMode: 1, protocol: 0, targetPort: 80 }] },
};
const perNode = (maxReplicas: bigint): Partially<ServiceSpec> => ({
  task: { placement: { maxReplicas } },
});
const replicated = (replicas: bigint): Partially<ServiceSpec> => ({
  mode: { $case: 'replicated', value: { replicas } },
});
const global: Partially<ServiceSpec> = { mode: { $case: 'global', value: {} } };

const verdict = (spec: Partially<ServiceSpec>, on: ReturnType<typeof nodes>, order = 1) => {
  const { spec: whole } = aService({ spec: { ...spec, update: { order } } });
  return noRoomFor(whole!, whole!.update, on);
};

test('a host port leaves room while there are more nodes than replicas', () => {
  assert.equal(verdict({ ...hostPort, ...replicated(2n) }, nodes(3)), undefined);
  assert.match(
    verdict({ ...hostPort, ...replicated(3n) }, nodes(3)) ?? '',
    /room for 4 tasks.*3 nodes/,
  );
  assert.match(verdict({ ...hostPort, ...replicated(1n) }, nodes(1)) ?? '', /there is 1 node for/);
  assert.match(verdict({ ...hostPort, ...global }, nodes(3)) ?? '', /a second task on each node/);
});

test('max replicas per node leave room for as many as all nodes take together', () => {
  assert.equal(verdict({ ...perNode(2n), ...replicated(5n) }, nodes(3)), undefined);
  assert.match(verdict({ ...perNode(2n), ...replicated(6n) }, nodes(3)) ?? '', /at most 2/);
  assert.match(verdict({ ...perNode(1n), ...global }, nodes(3)) ?? '', /second task/);
  assert.equal(verdict({ ...perNode(2n), ...global }, nodes(3)), undefined);
});

test('only start-first needs room, and only where something limits it', () => {
  assert.equal(verdict({ ...hostPort, ...replicated(1n) }, nodes(1), 0), undefined);
  assert.equal(verdict(replicated(9n), nodes(1)), undefined);
  const anyPort = { endpoint: { ports: [{ publishedPort: 0, publishMode: 1, targetPort: 80 }] } };
  assert.equal(verdict({ ...anyPort, ...replicated(1n) }, nodes(1)), undefined);
  const job = { $case: 'globalJob', value: {} } as const;
  assert.equal(verdict({ ...hostPort, mode: job }, nodes(1)), undefined);
  assert.equal(noRoomFor(aService().spec!, undefined, nodes(1)), undefined);
});

test('nodes count that may take a task one day: those that are down, not those that are drained or unfit', () => {
  const down = aNode({ status: { state: NodeStatus_State.DOWN } });
  const drained = aNode({ spec: { availability: NodeSpec_Availability.DRAIN } });
  const two = { ...hostPort, ...replicated(2n) };
  assert.equal(verdict(two, [...nodes(2), down]), undefined);
  assert.notEqual(verdict(two, [...nodes(2), drained]), undefined);
  const ssd = { placement: { constraints: ['node.labels.disk==ssd'] } };
  const fit = aNode({ spec: { annotations: { labels: { disk: 'ssd' } } } });
  assert.notEqual(
    verdict({ ...hostPort, ...replicated(1n), task: ssd }, [...nodes(2), fit]),
    undefined,
  );
  assert.equal(verdict(two, []), undefined, 'nothing is known of a cluster without nodes');
  assert.equal(verdict({ ...hostPort, ...replicated(0n) }, nodes(1)), undefined);
});
