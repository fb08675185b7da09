import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { SwarmError } from '@swarmkit/sdk/plugin/errors';
import { aNode, aService, aTask, fixtureTime } from '@swarmkit/sdk/testkit/fixtures';
import { timestampFromMs, timestampToMs } from '@swarmkit/sdk/model/time';
import {
  LogMessage,
  LogStream,
  type SubscribeLogsRequest,
} from '@swarmkit/sdk/wire/gen/swarmkit/logbroker';
import { FakeCluster } from './fake-cluster.js';
import { runCtl } from './run-ctl.js';

const task = '1t00000000000000000000000';

function cluster(): FakeCluster {
  const fake = new FakeCluster();
  fake.services = [aService({ id: 'svc', spec: { annotations: { name: 'web' } } })];
  fake.nodes = [aNode({ id: 'nod', description: { hostname: 'host' } })];
  fake.tasks = [
    aTask({
      id: task,
      serviceId: 'svc',
      nodeId: 'nod',
      slot: 1n,
      serviceAnnotations: { name: 'web' },
    }),
  ];
  return fake;
}

const line = (text: string, ms = 0, stream = LogStream.STDOUT): LogMessage =>
  LogMessage.fromPartial({
    context: { serviceId: 'svc', nodeId: 'nod', taskId: task },
    timestamp: timestampFromMs(fixtureTime + ms),
    stream,
    data: Buffer.from(`${text}\n`),
  });

describe('swarmctl logs', () => {
  it('says who said what, each on its own stream', async () => {
    const fake = cluster();
    fake.readings.push({ sends: [line('a'), line('b', 1, LogStream.STDERR)] });
    const { code, out, err } = await runCtl(fake, ['service', 'logs', 'web']);
    assert.equal(code, 0);
    assert.equal(out, 'web.1.1t0000000000@host    | a\n');
    assert.equal(err, 'web.1.1t0000000000@host    | b\n');
    const [request] = fake.requests<SubscribeLogsRequest>('logs');
    assert.deepEqual(request?.selector?.serviceIds, ['svc']);
    assert.deepEqual([request?.options?.follow, request?.options?.tail], [false, 0n]);
  });

  it('takes the flags of Docker', async () => {
    const fake = cluster();
    fake.readings.push({ sends: [line('a')] });
    const { out } = await runCtl(fake, [
      'task',
      'logs',
      '--raw',
      '-t',
      '--tail',
      '5',
      '--since',
      '1m',
      task,
    ]);
    assert.equal(out, `${new Date(fixtureTime).toISOString()} a\n`);
    const [request] = fake.requests<SubscribeLogsRequest>('logs');
    assert.deepEqual(request?.selector?.taskIds, [task]);
    assert.equal(request?.options?.tail, -6n);
    assert.equal(timestampToMs(request?.options?.since), fixtureTime);
    fake.readings.push({ sends: [line('a')] });
    const plain = await runCtl(fake, ['service', 'logs', '--no-task-ids', 'web']);
    assert.equal(plain.out, 'web.1@host    | a\n');
    fake.readings.push({ sends: [line('a')] });
    const whole = await runCtl(fake, ['service', 'logs', '--no-trunc', 'web']);
    assert.equal(whole.out, `web.1.${task}@host    | a\n`);
    fake.readings.push({ sends: [line('a')] });
    const ids = await runCtl(fake, ['service', 'logs', '--no-resolve', 'web']);
    assert.equal(ids.out, '1t0000000000@nod    | a\n');
  });

  it('refuses what it cannot read, before it asks', async () => {
    const fake = cluster();
    for (const [flag, value] of [
      ['--tail', 'x'],
      ['--since', 'yesterday'],
      ['--since', '2026-99-99T00:00:00Z'],
    ] as const) {
      const { code, err } = await runCtl(fake, ['service', 'logs', flag, value, 'web']);
      assert.equal(code, 2);
      assert.match(err, new RegExp(`^swarmctl: ${flag} is "${value}"; `));
    }
    const { code } = await runCtl(fake, ['service', 'logs', 'nobody']);
    assert.equal(code, 3);
    assert.equal(fake.requests('logs').length, 0);
  });

  it('a node that cannot answer is a warning', async () => {
    const fake = cluster();
    const text =
      'warning: incomplete log stream. some logs could not be retrieved for the following reasons: node n2 is not available';
    fake.readings.push({
      sends: [line('a')],
      fails: new SwarmError('unknown', 'RPC_REMOTE', text),
    });
    const { code, out, err } = await runCtl(fake, ['service', 'logs', '--raw', 'web']);
    assert.deepEqual([code, out, err], [0, 'a\n', `swarmctl: ${text}\n`]);
  });

  it('follows on after a leader change, with nothing twice and nothing left out', async () => {
    const fake = cluster();
    const gone = new SwarmError('unknown', 'RPC_REMOTE', 'broker is not running');
    fake.readings.push({ sends: [line('a', 1), line('b', 2), line('c', 2)], fails: gone });
    fake.readings.push({
      sends: [],
      fails: new SwarmError('unavailable', 'RPC_UNREACHABLE', 'no'),
    });
    fake.readings.push({
      sends: [line('a', 1), line('b', 2), line('c', 2), line('d', 2), line('e', 3)],
      fails: new SwarmError('not-found', 'X', 'the end of this test'),
    });
    const { code, out } = await runCtl(fake, ['service', 'logs', '-f', '--raw', '-n', '3', 'web']);
    assert.equal(code, 3);
    assert.equal(out, 'a\nb\nc\nd\ne\n');
    const again = fake.requests<SubscribeLogsRequest>('logs').at(-1)?.options;
    assert.equal(again?.tail, 0n);
    assert.equal(timestampToMs(again?.since), fixtureTime + 2);
  });

  it('prints one JSON object a line', async () => {
    const fake = cluster();
    fake.readings.push({ sends: [line('a')] });
    const { out } = await runCtl(fake, ['--format', 'json', 'service', 'logs', 'web']);
    assert.deepEqual(JSON.parse(out), {
      serviceId: 'svc',
      nodeId: 'nod',
      taskId: task,
      stream: 'STDOUT',
      at: new Date(fixtureTime).toISOString(),
      text: 'a',
    });
  });
});
