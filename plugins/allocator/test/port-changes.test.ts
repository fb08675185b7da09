import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FakeStore } from '@swarmkit/sdk/testkit/fake-store';
import { anIngressNetwork, aService, aTaskOf } from '@swarmkit/sdk/testkit/fixtures';
import { smallIpam } from '@swarmkit/sdk/testkit/small-ipam';
import { StageRunner } from '@swarmkit/sdk/testkit/run-stage';
import {
  PortConfig,
  PortConfig_PublishMode,
  TaskState,
} from '@swarmkit/sdk/wire/gen/swarmkit/types';
import { Allocator } from '../shell/allocator.js';

/** Services that change what they publish, as one leader's allocator sees them, and as the next one does. */

const user = { id: 'user', writes: ['any'] } as const;
const { INGRESS, HOST } = PortConfig_PublishMode;

const port = (targetPort: number, publishedPort = 0, publishMode = INGRESS): PortConfig =>
  PortConfig.fromPartial({ targetPort, publishedPort, publishMode });

class Life {
  readonly store = new FakeStore();
  private stage = new StageRunner(this.store, new Allocator(() => smallIpam(24)));

  constructor() {
    this.store.seed({ network: [anIngressNetwork()] });
  }

  publish(id: string, ...ports: readonly PortConfig[]): void {
    this.store.updateNow(user, (draft) => {
      const before = draft.get('service', id);
      const endpoint = ports.length === 0 ? undefined : { mode: 0, ports };
      if (before === undefined) draft.create('service', aService({ id, spec: { endpoint } }));
      else draft.update('service', { ...before, spec: { ...before.spec!, endpoint } });
    });
    this.stage.run();
  }

  changeLeader(): void {
    this.stage = new StageRunner(this.store, new Allocator(() => smallIpam(24)));
    this.stage.run();
  }

  ports(id: string): readonly string[] | undefined {
    return this.store
      .view()
      .get('service', id)
      ?.endpoint?.ports.map((each) => `${each.targetPort}:${each.publishedPort}`);
  }
}

test('another HOST port is taken over, and the automatic port beside it stays', () => {
  const life = new Life();
  life.publish('web', port(80, 8080, HOST), port(81));
  assert.deepEqual(life.ports('web'), ['80:8080', '81:30000']);
  life.publish('web', port(80, 9090, HOST), port(81));
  assert.deepEqual(life.ports('web'), ['80:9090', '81:30000']);
});

test('a named port that changes is free for others at once', () => {
  const life = new Life();
  life.publish('web', port(80, 8080));
  life.publish('other', port(80, 8080));
  assert.equal(life.ports('other'), undefined);
  life.publish('web', port(80, 8081));
  assert.deepEqual(life.ports('web'), ['80:8081']);
  assert.deepEqual(life.ports('other'), ['80:8080']);
});

test('ports come and go with the spec, and an automatic one is a new one then', () => {
  const life = new Life();
  life.publish('web', port(80));
  life.publish('other', port(80));
  assert.deepEqual(life.ports('web'), ['80:30000']);
  life.publish('web');
  assert.equal(life.ports('web'), undefined);
  life.publish('web', port(80));
  assert.deepEqual(life.ports('web'), ['80:30002']);
});

test('a port that becomes a named one, or an automatic one', () => {
  const life = new Life();
  life.publish('web', port(80));
  life.publish('web', port(80, 8080));
  assert.deepEqual(life.ports('web'), ['80:8080']);
  life.publish('web', port(80));
  // The number of ports is the same, so it keeps what it holds.
  assert.deepEqual(life.ports('web'), ['80:8080']);
});

test('a new leader changes no port that is held', () => {
  const life = new Life();
  life.publish('web', port(80), port(81, 8080), port(82, 9000, HOST));
  life.publish('other', port(80));
  const held = [life.ports('web'), life.ports('other')];
  const commits = life.store.commits.length;
  life.changeLeader();
  assert.deepEqual([life.ports('web'), life.ports('other')], held);
  assert.ok(life.store.commits.slice(commits).every(({ changes }) => changes.length === 0));
});

test('a new leader gives nobody a port that a service holds already', () => {
  const life = new Life();
  life.publish('web', port(80));
  life.store.seed({
    service: [
      aService({ id: 'aa-new', spec: { endpoint: { ports: [port(80), port(81, 30_000)] } } }),
    ],
  });
  life.changeLeader();
  assert.deepEqual(life.ports('web'), ['80:30000']);
  assert.equal(life.ports('aa-new'), undefined);
});

test('a task is given the endpoint of its service as it is now', () => {
  const life = new Life();
  life.publish('web', port(80));
  life.publish('web', port(80, 8080));
  const web = life.store.view().get('service', 'web')!;
  life.store.updateNow(user, (draft) =>
    draft.create('task', aTaskOf(web, { id: 't', status: { state: TaskState.NEW } })),
  );
  life.publish('other');
  assert.deepEqual(life.store.view().get('task', 't')?.endpoint, web.endpoint);
});
