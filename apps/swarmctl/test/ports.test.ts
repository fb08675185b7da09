import assert from 'node:assert/strict';
import test from 'node:test';
import type { PortConfig } from '@swarmkit/sdk/wire/gen/swarmkit/types';
import { protocol, publishMode } from '../output/names.js';
import { namedPort, portSelector, publishedPorts } from '../spec/ports.js';
import { refuses } from './refuses.js';

const text = (port: PortConfig): string =>
  `${port.name}${port.publishedPort}:${port.targetPort}/${protocol(port.protocol)}/${publishMode(port.publishMode)}`;
const publish = (port: string): readonly string[] => publishedPorts('--publish', port).map(text);

test("Docker's short form", () => {
  assert.deepEqual(publish('80'), ['0:80/TCP/INGRESS']);
  assert.deepEqual(publish('8080:80'), ['8080:80/TCP/INGRESS']);
  assert.deepEqual(publish('53:5353/UDP'), ['53:5353/UDP/INGRESS']);
  assert.deepEqual(publish('8000-8002:80-82/sctp'), [
    '8000:80/SCTP/INGRESS',
    '8001:81/SCTP/INGRESS',
    '8002:82/SCTP/INGRESS',
  ]);
  assert.deepEqual(publish('80-81'), ['0:80/TCP/INGRESS', '0:81/TCP/INGRESS']);
});

test("Docker's long form", () => {
  assert.deepEqual(publish('published=8080,target=80,protocol=udp,mode=host'), [
    '8080:80/UDP/HOST',
  ]);
  assert.deepEqual(publish('target=80'), ['0:80/TCP/INGRESS']);
});

test('what is no port is refused', () => {
  const refused: readonly (readonly [string, string])[] = [
    ['', 'write 8080:80'],
    ['x', 'write 8080:80'],
    ['1:2:3', 'write 8080:80'],
    ['127.0.0.1:80:80', 'write 8080:80'],
    ['80/icmp', 'must be one of tcp, udp, sctp'],
    ['0', 'ports are 1 to 65535'],
    ['80:65536', 'ports are 1 to 65535'],
    ['8000-8001:80', 'same length'],
    ['81-80', 'begins with its lower port'],
    ['80-', 'write 8080:80'],
    ['target=80,publish=8080', 'known are published'],
    ['toString=1', 'known are published'],
    ['published=8080', 'ports are 1 to 65535'],
    ['target=80,mode=local', '--publish mode is "local"; it must be one of ingress, host'],
  ];
  for (const [port, words] of refused) refuses(() => publish(port), words);
});

test("SwarmKit's form is on the task's own node", () => {
  const named = (port: string): string => text(namedPort('--ports', port));
  assert.equal(named('http:80'), 'http0:80/TCP/HOST');
  assert.equal(named('http:80/tcp:8080'), 'http8080:80/TCP/HOST');
  assert.equal(named('dns:53/udp:5353/udp'), 'dns5353:53/UDP/HOST');
  refuses(() => named('8080:80'), 'use --publish 8080:80');
  refuses(() => named('http'), 'write name:80');
  refuses(() => named('dns:53/udp:53/tcp'), 'both protocols');
});

test('ports are removed by their target', () => {
  const [tcp, udp] = [...publishedPorts('-p', '1:80'), ...publishedPorts('-p', '2:80/udp')];
  assert.ok(tcp && udp);
  const removes = (selector: string): readonly boolean[] =>
    [tcp, udp].map(portSelector('--publish-rm', selector));
  assert.deepEqual(removes('80'), [true, true]);
  assert.deepEqual(removes('80/udp'), [false, true]);
  assert.deepEqual(removes('81'), [false, false]);
  refuses(() => portSelector('--publish-rm', '8080:80'), 'a target port like 80');
});
