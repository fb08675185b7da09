import assert from 'node:assert/strict';
import { test } from 'node:test';
import { aService } from '@swarmkit/sdk/testkit/fixtures';
import { EndpointSpec } from '@swarmkit/sdk/wire/gen/swarmkit/specs';
import {
  PortConfig,
  PortConfig_Protocol,
  PortConfig_PublishMode,
} from '@swarmkit/sdk/wire/gen/swarmkit/types';
import { automaticFrom, automaticTo, PortSpace } from '../core/port-space.js';
import { servicePorts } from '../core/service-ports.js';

const { INGRESS, HOST } = PortConfig_PublishMode;
const { TCP, UDP } = PortConfig_Protocol;

const port = (targetPort: number, publishedPort = 0, more: Partial<PortConfig> = {}): PortConfig =>
  PortConfig.fromPartial({
    protocol: TCP,
    publishMode: INGRESS,
    targetPort,
    publishedPort,
    ...more,
  });

/** A service whose spec asks for `asked` and that holds `held`. */
const holder = (id: string, asked: readonly PortConfig[], held: readonly PortConfig[]) =>
  aService({
    id,
    spec: { endpoint: { ports: asked } },
    endpoint: { spec: { ports: asked }, ports: held, virtualIps: [] },
  });

const numbers = (ports: readonly PortConfig[] | undefined) =>
  ports?.map((each) => `${each.targetPort}:${each.publishedPort}`);

function take(
  asked: readonly PortConfig[],
  held: readonly PortConfig[] = [],
  others: readonly ReturnType<typeof holder>[] = [],
) {
  const spec = EndpointSpec.fromPartial({ ports: asked });
  const answer = servicePorts('me', spec, held, () => new PortSpace(others));
  return answer.problem ?? numbers(answer.ports);
}

test('the first automatic port is 30000, and the next ones follow', () => {
  assert.deepEqual(take([port(80), port(81)]), ['80:30000', '81:30001']);
});

test('picks go on after the highest one that is held, so a freed port rests', () => {
  const other = holder('other', [port(80)], [port(80, 30_007)]);
  assert.deepEqual(take([port(80)], [], [other]), ['80:30008']);
});

test('picks wrap around at the end of the range', () => {
  const other = holder('other', [port(80)], [port(80, automaticTo)]);
  assert.deepEqual(take([port(80)], [], [other]), [`80:${automaticFrom}`]);
});

test('a port that somebody named is never picked, even before it is held', () => {
  const named = aService({ id: 'named', spec: { endpoint: { ports: [port(80, 30_000)] } } });
  assert.deepEqual(take([port(80)], [], [named]), ['80:30001']);
});

test('TCP and UDP are separate spaces', () => {
  const other = holder('other', [port(53, 53)], [port(53, 53)]);
  assert.deepEqual(take([port(53, 53, { protocol: UDP })], [], [other]), ['53:53']);
});

test('a named port that another service holds is refused, and names the holder', () => {
  const other = holder('other', [port(80, 8080)], [port(80, 8080)]);
  assert.equal(
    take([port(80, 8080)], [], [other]),
    'port 8080/tcp cannot be published: requested bit is already allocated (by service other)',
  );
});

test('a port beyond 65535 is refused', () => {
  assert.equal(
    take([port(80, 70_000)]),
    'port 70000/tcp cannot be published: requested id does not belong to the set',
  );
});

test('the same named port twice is refused', () => {
  assert.equal(
    take([port(80, 8080), port(81, 8080)]),
    'port 8080/tcp cannot be published: requested bit is already allocated',
  );
});

test('an automatic port keeps its number', () => {
  assert.deepEqual(take([port(80)], [port(80, 30_123)]), ['80:30123']);
});

test('an automatic port loses its number when the number of ports changes', () => {
  const me = holder('me', [port(80)], [port(80, 30_123)]);
  const answer = take([port(80), port(81)], me.endpoint?.ports, [me]);
  assert.deepEqual(answer, ['80:30124', '81:30125']);
});

test('an explicit number wins over an automatic one that held it', () => {
  const held = [port(80, 30_000), port(81, 30_001)];
  const me = holder('me', [port(80), port(81)], held);
  // 81 is now published as what 80 held: 80 has to move.
  assert.deepEqual(take([port(80), port(81, 30_000)], held, [me]), ['81:30000', '80:30002']);
});

test('ports of HOST mode are copied as they are, and come before automatic ones', () => {
  const asked = [port(80), port(81, 0, { publishMode: HOST }), port(82, 9000)];
  assert.deepEqual(take(asked), ['81:0', '82:9000', '80:30000']);
});

test('HOST ports of others are in nobody’s way', () => {
  const host = port(80, 8080, { publishMode: HOST });
  assert.deepEqual(take([port(80, 8080)], [], [holder('other', [host], [host])]), ['80:8080']);
});

test('with the whole range taken the problem says so', () => {
  const asked = Array.from({ length: automaticTo - automaticFrom + 1 }, (_, i) => port(i + 1));
  const held = asked.map((each, i) => ({ ...each, publishedPort: automaticFrom + i }));
  assert.equal(
    take([port(80)], [], [holder('hog', asked, held)]),
    'port 80 cannot be published: no tcp port is free between 30000 and 32767; remove a service or name a port',
  );
});

test('what the service holds is not looked up in the space of all services', () => {
  const held = [port(80, 8080), port(81, 30_000)];
  const spec = EndpointSpec.fromPartial({ ports: [port(80, 8080), port(81)] });
  const answer = servicePorts('me', spec, held, () => assert.fail('the space was read'));
  assert.deepEqual(numbers(answer.ports), ['80:8080', '81:30000']);
});

test('a protocol that this version does not know is named by its number', () => {
  const unknown = { protocol: 7 as PortConfig_Protocol };
  assert.equal(
    take([port(80, 70_000, unknown)]),
    'port 70000/protocol 7 cannot be published: requested id does not belong to the set',
  );
});
