import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isSwarmError } from '../../plugin/errors.js';
import { Node } from '../../wire/gen/swarmkit/objects.js';
import { NodeRole } from '../../wire/gen/swarmkit/types.js';
import { meetsConstraints, parseConstraints, parseConstraintsOrNone } from '../constraint.js';

const node = Node.fromPartial({
  id: 'NodeOne',
  role: NodeRole.WORKER,
  spec: {
    annotations: { labels: { disk: 'SSD', Security: 'low', '': 'nameless' } },
    desiredRole: NodeRole.MANAGER,
  },
  description: {
    hostname: 'worker-1',
    platform: { os: 'linux', architecture: 'x86_64' },
    engine: { labels: { zone: 'eu-1' } },
  },
  status: { addr: '186.17.9.41' },
});
const bare = Node.fromPartial({ id: 'bare' });

const meets = (constraint: string, on: Node = node): boolean =>
  meetsConstraints(on, parseConstraints([constraint]));

test('keys, values and operators parse, and are trimmed', () => {
  for (const text of [
    'node.name== node1',
    ' node.labels.disk !=  ssd ',
    '__NODE__==Node 1',
    'ab==[a-b]*(c)?d+e\\f^g$h|i/j',
    'node.id==a\tb',
    'nodeid!=aAzZ09:-_.',
  ])
    assert.doesNotThrow(() => parseConstraints([text]), text);
  const [first] = parseConstraints([' node.id !=  a b ']);
  assert.deepEqual(
    { key: first?.key, operator: first?.operator, value: first?.value },
    { key: 'node.id', operator: '!=', value: 'a b' },
  );
});

test('a bad entry is named in the words that clients know', () => {
  const operator = 'constraint expected one operator from ==, !=';
  for (const [text, message] of [
    ['', operator],
    ['node.id', operator],
    ['node.id=abc', operator],
    ['node.id ! = abc', operator],
    ['a==b', "key 'a' is invalid"],
    ['==b', "key '' is invalid"],
    ['1ab==b', "key '1ab' is invalid"],
    ['node id==b', "key 'node id' is invalid"],
    ['node.id!=x==y', "key 'node.id!=x' is invalid"],
    ['node.id==', "value '' is invalid"],
    ['node.id==  ', "value '' is invalid"],
    ['node.id==b@c', "value 'b@c' is invalid"],
    ['x.y == m == n', "value 'm == n' is invalid"],
    ['node.id==é', "value 'é' is invalid"],
  ] as const)
    assert.throws(
      () => parseConstraints(['node.id==fine', text]),
      (error) =>
        isSwarmError(error) &&
        error.message === message &&
        error.kind === 'unknown' &&
        error.code === 'CONSTRAINT_SYNTAX',
      text,
    );
});

test('what does not parse can count as no constraints', () => {
  assert.deepEqual(parseConstraintsOrNone(['node.id==x', 'nonsense']), []);
  assert.equal(parseConstraintsOrNone(['node.id==x']).length, 1);
});

test('id, hostname, role and platform', () => {
  for (const [text, expected] of [
    ['node.id==nodeone', true],
    ['NODE.ID==NODEONE', true],
    ['node.id!=nodeone', false],
    ['node.id==node', false],
    ['node.hostname==WORKER-1', true],
    ['node.hostname!=other', true],
    ['node.role==worker', true],
    ['node.role==manager', false],
    ['node.role!=Manager', true],
    ['node.platform.os==Linux', true],
    ['node.platform.arch==x86_64', true],
    ['node.platform.arch==amd64', false],
  ] as const)
    assert.equal(meets(text), expected, text);
});

test('labels: the prefix in any case, the name as it is', () => {
  for (const [text, expected] of [
    ['node.labels.disk==ssd', true],
    ['Node.Labels.disk==ssd', true],
    ['node.labels.Disk==ssd', false],
    ['node.labels.security==low', false],
    ['node.labels.Security==LOW', true],
    ['engine.labels.zone==EU-1', true],
    ['engine.labels.disk==ssd', false],
    ['engine.labels.disk!=ssd', true],
    ['node.labels.==nameless', false],
    ['node.labels.!=other', false],
    ['node.labels.toString!=x', true],
    ['node.labels.constructor==x', false],
  ] as const)
    assert.equal(meets(text), expected, text);
});

test('a star is a star', () => {
  assert.equal(meets('node.hostname==worker*'), false);
  assert.equal(meets('node.labels.disk==.*'), false);
  const starry = Node.fromPartial({ id: 's', description: { hostname: 'worker*' } });
  assert.equal(meets('node.hostname==worker*', starry), true);
});

test('what a node does not have compares as empty', () => {
  for (const key of [
    'node.hostname',
    'node.platform.os',
    'node.platform.arch',
    'node.labels.disk',
    'engine.labels.zone',
    'node.ip',
  ]) {
    const value = key === 'node.ip' ? '10.0.0.1' : 'x';
    assert.equal(meets(`${key}==${value}`, bare), false, key);
    assert.equal(meets(`${key}!=${value}`, bare), true, key);
  }
});

test('an unknown key never holds, whichever operator', () => {
  for (const text of ['node.foo==x', 'node.foo!=x', 'engine.id!=x', 'zone==eu'])
    assert.equal(meets(text), false, text);
});

test('node.ip: addresses by value, networks by containment', () => {
  const six = Node.fromPartial({ id: 'six', status: { addr: '2001:db8::2' } });
  for (const [text, expected, on] of [
    ['node.ip==186.17.9.41', true, node],
    ['node.ip!=186.17.9.41', false, node],
    ['node.ip==::ffff:186.17.9.41', true, node],
    ['node.ip==186.17.9.0/24', true, node],
    ['node.ip==186.17.9.4/24', true, node],
    ['node.ip!=186.17.9.4/24', false, node],
    ['node.ip==186.17.9.4/30', false, node],
    ['node.ip==0.0.0.0/0', true, node],
    ['node.ip==::ffff:186.17.0.0/112', true, node],
    ['node.ip==2001:db8::/32', false, node],
    ['node.ip==2001:0db8:0:0::0002', true, six],
    ['node.ip==2001:db8::/64', true, six],
    ['node.ip!=2001:db8::/64', false, six],
    ['node.ip==::/0', true, six],
    ['node.ip==0.0.0.0/0', false, six],
    // Malformed: neither operator holds.
    ['node.ip==186.17.9.041', false, node],
    ['node.ip!=186.17.9.041', false, node],
    ['node.ip!=186.17.9', false, node],
    ['node.ip!=186.17.9.256', false, node],
    ['node.ip!=186.17.9.0/33', false, node],
    ['node.ip!=186.17.9.0/24/1', false, node],
    ['node.ip!=2001:db8::1::2', false, node],
    ['node.ip!=1:2:3:4:5:6:7:8:9', false, node],
    ['node.ip!=1:2:3:4:5:6:7', false, node],
    ['node.ip!=12345::', false, node],
    ['node.ip!=1.2.3.4::', false, node],
  ] as const)
    assert.equal(meets(text, on), expected, text);
});

test('all of several must hold', () => {
  const both = parseConstraints(['node.labels.disk==ssd', 'node.role==worker']);
  assert.equal(meetsConstraints(node, both), true);
  assert.equal(meetsConstraints(bare, both), false);
  assert.equal(meetsConstraints(bare, []), true);
});
