import assert from 'node:assert/strict';
import { test } from 'node:test';
import { changedStatus } from '@swarmkit/sdk/model/task-status';
import { isTerminal } from '@swarmkit/sdk/model/task';
import { FakeStore } from '@swarmkit/sdk/testkit/fake-store';
import { aNetwork, aNode, aService, aTaskOf, fixtureTime } from '@swarmkit/sdk/testkit/fixtures';
import { runStage, StageRunner } from '@swarmkit/sdk/testkit/run-stage';
import { smallIpam } from '@swarmkit/sdk/testkit/small-ipam';
import type { Draft } from '@swarmkit/sdk/contracts/store';
import type { Task } from '@swarmkit/sdk/wire/gen/swarmkit/objects';
import { TaskState } from '@swarmkit/sdk/wire/gen/swarmkit/types';
import fc from 'fast-check';
import { Allocator } from '../shell/allocator.js';

/**
 * Lives of a cluster whose networks have five addresses each: services, tasks and nodes come and go, leaders
 * change, and what a leader planned may be lost with it. No address has two holders, ever, and whoever
 * waits does so only as long as there is none.
 */

const user = { id: 'user', writes: ['any'] } as const;

type Step =
  | {
      readonly do: 'service';
      readonly id: number;
      readonly networks: readonly string[];
      readonly mode: number;
      readonly port: boolean;
    }
  | { readonly do: 'task'; readonly id: number }
  | { readonly do: 'removeService'; readonly id: number }
  | { readonly do: 'place' | 'end' | 'removeTask'; readonly which: number }
  | { readonly do: 'node'; readonly id: number }
  | { readonly do: 'run' | 'leader' | 'lost' | 'time' };

const id = fc.nat(3);
const step: fc.Arbitrary<Step> = fc.oneof(
  fc.record({
    do: fc.constant('service' as const),
    id,
    networks: fc.subarray(['a', 'b', 'host']),
    mode: fc.constantFrom(0, 0, 1),
    port: fc.boolean(),
  }),
  { weight: 4, arbitrary: fc.record({ do: fc.constant('task' as const), id }) },
  fc.record({ do: fc.constant('removeService' as const), id }),
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constantFrom('place' as const, 'end' as const, 'removeTask' as const),
      which: fc.nat(),
    }),
  },
  fc.record({ do: fc.constant('node' as const), id }),
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constantFrom('run', 'run', 'run', 'leader', 'lost', 'time') as fc.Arbitrary<
        'run' | 'leader' | 'lost' | 'time'
      >,
    }),
  },
);

class Life {
  readonly store = new FakeStore();
  private now = fixtureTime;
  private stage = this.newLeader();
  private made = 0;

  constructor() {
    this.store.seed({
      network: [
        aNetwork({ id: 'ingress', spec: { ingress: true } }),
        aNetwork({ id: 'a' }),
        aNetwork({ id: 'b' }),
        aNetwork({ id: 'host', spec: { driverConfig: { name: 'host' } } }),
      ],
    });
  }

  private newLeader(): StageRunner {
    return new StageRunner(this.store, new Allocator(() => smallIpam()));
  }

  step(step: Step): void {
    switch (step.do) {
      case 'run':
        this.stage.run({ now: this.now });
        break;
      case 'lost':
        // The plan is not committed, and the next leader begins anew.
        runStage(this.store.fork(), new Allocator(() => smallIpam()), { now: this.now });
        this.stage = this.newLeader();
        break;
      case 'leader':
        this.stage = this.newLeader();
        this.stage.run({ now: this.now });
        break;
      case 'time':
        this.now += 60_000;
        break;
      default:
        this.store.updateNow(user, (draft) => this.change(draft, step));
    }
  }

  settle(): void {
    this.stage.run({ now: this.now });
  }

  private change(draft: Draft, step: Step): void {
    switch (step.do) {
      case 'service': {
        const { spec, id } = aService({
          id: `s${step.id}`,
          spec: {
            task: { networks: step.networks.map((target) => ({ target })) },
            endpoint: {
              mode: step.mode,
              ports: step.port
                ? [{ targetPort: 80, publishedPort: 8000 + step.id, publishMode: step.mode }]
                : [],
            },
          },
        });
        const old = draft.get('service', id);
        if (old === undefined) draft.create('service', aService({ id, spec: spec ?? {} }));
        else draft.update('service', { ...old, spec });
        break;
      }
      case 'task': {
        const service = draft.get('service', `s${step.id}`);
        if (service === undefined) break;
        this.made += 1;
        const status = { state: TaskState.NEW };
        draft.create('task', aTaskOf(service, { id: `t${this.made}`, status }));
        break;
      }
      case 'removeService':
        if (draft.get('service', `s${step.id}`)) draft.remove('service', `s${step.id}`);
        break;
      case 'node': {
        const node = aNode({
          id: `n${step.id}`,
          description: { engine: { plugins: [{ type: 'Network', name: 'overlay' }] } },
        });
        if (draft.get('node', node.id) === undefined) draft.create('node', node);
        else draft.remove('node', node.id);
        break;
      }
      case 'place':
      case 'end':
      case 'removeTask': {
        const tasks = draft.find('task', { by: 'all' }).filter((task) => !isTerminal(task));
        const task = tasks[step.which % Math.max(1, tasks.length)];
        if (task === undefined) break;
        if (step.do === 'removeTask') draft.remove('task', task.id);
        else if (step.do === 'end') this.moved(draft, task, TaskState.FAILED, task.nodeId);
        else if (task.status?.state === TaskState.PENDING)
          this.moved(draft, task, TaskState.ASSIGNED, `n${step.which % 4}`);
      }
    }
  }

  private moved(draft: Draft, task: Task, state: TaskState, nodeId: string): void {
    draft.update('task', { ...task, nodeId, status: changedStatus(task, this.now, { state }) });
  }
}

/** By network and address, who has it. Throws where two do. */
function holders(store: FakeStore): ReadonlyMap<string, string> {
  const found = new Map<string, string>();
  const note = (network: string | undefined, address: string | undefined, who: string): void => {
    if (address === undefined || address === '') return;
    const key = `${network} ${address}`;
    assert.equal(found.get(key), undefined, `${key} is held by ${who} and ${found.get(key)}`);
    assert.doesNotMatch(address, /\.1\//, 'the gateway');
    found.set(key, who);
  };
  const view = store.view();
  for (const { id, endpoint } of view.find('service', { by: 'all' }))
    for (const { networkId, addr } of endpoint?.virtualIps ?? []) note(networkId, addr, id);
  for (const { id, attachments } of view.find('node', { by: 'all' }))
    for (const { network, addresses } of attachments) note(network?.id, addresses[0], id);
  for (const task of view.find('task', { by: 'all' }))
    if (!isTerminal(task))
      for (const { network, addresses } of task.networks) note(network?.id, addresses[0], task.id);
  return found;
}

test('no address has two holders, whatever happens and whoever leads', () => {
  let full = 0;
  fc.assert(
    fc.property(fc.array(step, { minLength: 20, maxLength: 80, size: 'max' }), (steps) => {
      const life = new Life();
      for (const one of steps) {
        life.step(one);
        holders(life.store);
      }
      life.settle();
      const held = [...holders(life.store).keys()];
      for (const task of life.store
        .view()
        .find('task', { by: 'taskState', state: TaskState.NEW })) {
        const service = life.store.view().get('service', task.serviceId);
        if (service === undefined) continue;
        const why = task.status?.err ?? '';
        assert.match(why, /^network (ingress|a|b) cannot be .*could not find an available IP/);
        const network = why.split(' ')[1];
        const count = held.filter((key) => key.startsWith(`${network} `)).length;
        // A virtual address of a service that is gone, or moved on, is held by its tasks alone.
        const old = life.store
          .view()
          .find('task', { by: 'all' })
          .flatMap((one) => (isTerminal(one) ? [] : (one.endpoint?.virtualIps ?? [])))
          .filter(({ networkId, addr }) => !held.includes(`${networkId} ${addr}`))
          .filter(({ networkId }) => networkId === network);
        assert.equal(
          count + new Set(old.map(({ addr }) => addr)).size,
          5,
          `${why}, and ${count} held`,
        );
        full += 1;
      }
    }),
    { numRuns: 300 },
  );
  assert.ok(full > 20, `networks ran full ${full} times: the property says nothing otherwise`);
});
