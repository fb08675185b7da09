import assert from 'node:assert/strict';
import test from 'node:test';
import { durationFromMs, timestampFromMs } from '@swarmkit/sdk/model/time';
import { aNode, aService, aTask, fixtureTime } from '@swarmkit/sdk/testkit/fixtures';
import { NodeSpec_Availability } from '@swarmkit/sdk/wire/gen/swarmkit/specs';
import { NodeStatus_State, TaskState } from '@swarmkit/sdk/wire/gen/swarmkit/types';
import { fields } from '../output/fields.js';
import { jsonOf } from '../output/json.js';
import { nodeState, sentence, taskState, word } from '../output/names.js';
import { imageOf } from '../output/service-text.js';
import { cpuText, sizeText } from '../output/size.js';
import { table } from '../output/table.js';
import { ago, span } from '../output/time.js';

test('tables are aligned, without trailing blanks', () => {
  assert.equal(
    table(
      ['ID', 'NAME', 'NOTE'],
      [
        ['1', 'web', ''],
        ['22', 'a', 'x'],
      ],
    ),
    'ID   NAME   NOTE\n1    web\n22   a      x',
  );
  assert.equal(table(['ID', 'NAME'], []), 'ID   NAME');
  assert.equal(table(['A', 'B'], [['1']]), 'A   B\n1');
});

test('what containers say cannot break a table or steer the terminal', () => {
  const printed = table(['A', 'B'], [['one\r\ntwo', '\u001b[31mred\u009b0m\u0007']]);
  assert.equal(printed, 'A         B\none two   [31mred 0m');
  assert.equal(fields([['Error', 'one\ntwo']]), 'Error:  one two');
});

test('a table may be long', () => {
  const rows = Array.from({ length: 300_000 }, (_, index) => [String(index), 'x']);
  assert.equal(table(['ID', 'B'], rows).split('\n').length, 300_001);
});

test('fields without a value are left out', () => {
  assert.equal(
    fields([
      ['ID', '1'],
      ['Name', ''],
      ['Longer', 'x'],
    ]),
    'ID:      1\nLonger:  x',
  );
});

test('how long ago', () => {
  const now = 1_000_000_000;
  const said = (ms: number): string => ago(timestampFromMs(now - ms), now);
  assert.equal(said(0), '0 seconds ago');
  assert.equal(said(1_000), '1 second ago');
  assert.equal(said(59_999), '59 seconds ago');
  assert.equal(said(60_000), '1 minute ago');
  assert.equal(said(3_600_000 * 23), '23 hours ago');
  assert.equal(said(86_400_000 * 2), '2 days ago');
  assert.equal(said(-5_000), '0 seconds ago', "the manager's clock is ahead");
  assert.equal(ago(undefined, now), '');
});

test('spans, sizes and CPUs as flags are written', () => {
  assert.deepEqual(
    [0, 250, 5_000, 1_500, 90_000, 7_200_000, 3_661_000].map((ms) => span(durationFromMs(ms))),
    ['0s', '250ms', '5s', '1.5s', '1m30s', '2h', '1h1m1s'],
  );
  assert.equal(span(undefined), '');
  assert.deepEqual([0n, 512n, 1n << 20n, 3n << 29n].map(sizeText), [
    '0 B',
    '512 B',
    '1 MiB',
    '1.5 GiB',
  ]);
  assert.deepEqual([500_000_000n, 1_000_000_000n].map(cpuText), ['0.5 CPUs', '1 CPU']);
});

test('enum values by name, and unknown ones by number', () => {
  assert.equal(taskState(TaskState.RUNNING), 'RUNNING');
  assert.equal(taskState(513), '513');
  assert.equal(nodeState(undefined), '');
  assert.equal(sentence('ROLLBACK_PAUSED'), 'Rollback paused');
  assert.equal(word('ON_FAILURE'), 'on-failure');
});

test('images lose their digest where a tag says what they are', () => {
  const image = (text: string): string =>
    imageOf(aTask({ spec: { runtime: { $case: 'container', value: { image: text } } } }).spec);
  assert.equal(image('busybox:1.36@sha256:ab'), 'busybox:1.36');
  assert.equal(image('busybox@sha256:ab'), 'busybox@sha256:ab');
  assert.equal(image('localhost:5000/a/b@sha256:ab'), 'localhost:5000/a/b@sha256:ab');
  assert.equal(image('localhost:5000/a/b:2'), 'localhost:5000/a/b:2');
});

test('JSON has names for enums and texts for times', () => {
  const service = jsonOf(
    'service',
    aService({
      id: 's1',
      spec: {
        annotations: { name: 'web', labels: { state: '2', 'a.b': 'c' } },
        task: {
          runtime: {
            $case: 'container',
            value: {
              image: 'a',
              mounts: [{ type: 2, target: '/t' }],
              stopGracePeriod: { seconds: 1n, nanos: 500_000_000 },
            },
          },
          restart: { condition: 1, delay: { seconds: 5n, nanos: 0 } },
        },
        endpoint: { mode: 1, ports: [{ protocol: 1, publishMode: 1, targetPort: 80 }] },
        update: { failureAction: 2, order: 1, parallelism: 3n },
      },
      updateStatus: { state: 2, message: 'm', startedAt: timestampFromMs(fixtureTime) },
    }),
  ) as never as {
    meta: { createdAt: string };
    spec: {
      annotations: { labels: object };
      task: {
        runtime: { container: { mounts: [{ type: string }]; stopGracePeriod: string } };
        restart: object;
      };
      endpoint: object;
      update: object;
      mode: object;
    };
    updateStatus: object;
  };
  assert.equal(service.meta.createdAt, '2023-11-14T22:13:20.000Z');
  assert.deepEqual(service.spec.annotations.labels, { state: '2', 'a.b': 'c' });
  assert.deepEqual(service.spec.mode, { replicated: { replicas: 1 } });
  assert.equal(service.spec.task.runtime.container.mounts[0].type, 'TMPFS');
  assert.equal(service.spec.task.runtime.container.stopGracePeriod, '1.5s');
  assert.deepEqual(service.spec.task.restart, {
    condition: 'ON_FAILURE',
    delay: '5s',
    maxAttempts: 0,
  });
  assert.deepEqual(service.spec.endpoint, {
    mode: 'DNSRR',
    ports: [{ name: '', protocol: 'UDP', publishMode: 'HOST', publishedPort: 0, targetPort: 80 }],
  });
  assert.deepEqual(service.spec.update, {
    failureAction: 'ROLLBACK',
    maxFailureRatio: 0,
    order: 'START_FIRST',
    parallelism: 3,
  });
  assert.deepEqual(service.updateStatus, {
    message: 'm',
    startedAt: '2023-11-14T22:13:20.000Z',
    state: 'PAUSED',
  });
});

test('the same path means another enum in another kind', () => {
  const task = jsonOf('task', aTask({ status: { state: TaskState.FAILED } })) as never as {
    status: { state: string; timestamp: string };
    desiredState: string;
  };
  assert.equal(task.status.state, 'FAILED');
  assert.equal(task.status.timestamp, '2023-11-14T22:13:20.000Z');
  assert.equal(task.desiredState, 'RUNNING');
  const node = jsonOf(
    'node',
    aNode({
      status: { state: NodeStatus_State.DOWN },
      spec: { availability: NodeSpec_Availability.DRAIN },
      managerStatus: { reachability: 2, leader: true },
    }),
  ) as never as {
    status: { state: string };
    spec: { availability: string; membership: string };
    managerStatus: { reachability: string };
    role: string;
  };
  assert.equal(node.status.state, 'DOWN');
  assert.equal(node.spec.availability, 'DRAIN');
  assert.equal(node.spec.membership, 'ACCEPTED');
  assert.equal(node.managerStatus.reachability, 'REACHABLE');
  assert.equal(node.role, 'WORKER');
});
