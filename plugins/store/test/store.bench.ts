/**
 * By hand: npx tsc -b plugins/store && node --expose-gc plugins/store/dist/test/store.bench.js [tasks]
 * Prints what the store costs with many tasks: 100 services, 1,000 nodes.
 */
import type { By, Draft } from '@swarmkit/sdk/contracts/store';
import { newTask } from '@swarmkit/sdk/model/task';
import { aNode, aService, fixtureTime } from '@swarmkit/sdk/testkit/fixtures';
import { seededRandom, VirtualEnv } from '@swarmkit/sdk/testkit/virtual-env';
import type { Task } from '@swarmkit/sdk/wire/gen/swarmkit/objects';
import { TaskState } from '@swarmkit/sdk/wire/gen/swarmkit/types';
import { requestIds } from '../shell/request-ids.js';
import { StoreService } from '../shell/store-service.js';
import { FakeConsensus } from './fake-consensus.js';
import { anyone, collecting } from './rig.js';

const tasks = Number(process.argv[2] ?? 100_000);
const env = new VirtualEnv('bench');
const consensus = new FakeConsensus();
const quiet = () => undefined;
const member = (): StoreService =>
  new StoreService({
    consensus,
    clock: { now: () => fixtureTime },
    requestId: requestIds(seededRandom('bench')),
    commits: { ...collecting([]), publish: quiet },
    log: { debug: quiet, info: quiet, warn: quiet, error: quiet },
  });
const store = member();
consensus.attach(store);

const say = (what: string, value: string): void => {
  console.log(`${what.padEnd(58)} ${value}`);
};
/** CPU time of the process, garbage collection included, so that a busy machine counts less. */
const timed = async (work: () => void | Promise<void>): Promise<number> => {
  const start = process.cpuUsage();
  await work();
  const { user, system } = process.cpuUsage(start);
  return (user + system) / 1000;
};
/** Lets promises settle and their garbage die young, as in life. */
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
const heap = (): number => {
  globalThis.gc?.();
  return process.memoryUsage().heapUsed;
};
const each = async (
  what: string,
  count: number,
  work: () => void | Promise<void>,
): Promise<void> => {
  const ms = await timed(work);
  say(what, `${((ms * 1000) / count).toFixed(2)} µs each, ${Math.round(count / (ms / 1000))}/s`);
};

const services = Array.from({ length: 100 }, (_, i) =>
  aService({
    id: env.id(),
    spec: {
      annotations: { name: `service-${i}`, labels: { team: 'a', tier: 'web' } },
      task: {
        runtime: {
          $case: 'container',
          value: {
            image: 'registry.example/web:1.2.3',
            env: ['A=1', 'B=2'],
            args: ['run', '--fast'],
          },
        },
      },
    },
  }),
);
const nodes = Array.from({ length: 1000 }, () => aNode({ id: env.id() }));
void store.update(anyone, (draft) => {
  for (const service of services) draft.create('service', service);
  for (const node of nodes) draft.create('node', node);
});
consensus.commit();

const empty = heap();
const ids: string[] = [];
const createSome = (draft: Draft, from: number, count: number): void => {
  for (let i = from; i < from + count; i++) {
    const service = services[i % services.length];
    if (service === undefined) continue;
    // The test env builds its ids character by character; real ones are flat strings.
    const id = Buffer.from(env.id()).toString();
    ids.push(id);
    draft.create('task', {
      ...newTask(service, {
        id,
        now: fixtureTime,
        slot: BigInt(Math.floor(i / services.length) + 1),
      }),
      nodeId: nodes[i % nodes.length]?.id ?? '',
    });
  }
};
let worst = 0;
await each('create, 1,000 an entry: draft, encode, propose, commit', tasks, async () => {
  for (let i = 0; i < tasks; i += 1000) {
    const start = performance.now();
    void store.update(anyone, (draft) => createSome(draft, i, 1000));
    consensus.commit();
    worst = Math.max(worst, performance.now() - start);
    await turn();
  }
});
say('  longest of these', `${worst.toFixed(1)} ms`);
const log = consensus.committed.map(({ data }) => data);
consensus.committed.length = 0;
const bytes = log.reduce((sum, data) => sum + data.length, 0);
say('log bytes a task', `${Math.round(bytes / tasks)}`);
log.length = 0;
say('heap a task, on the leader', `${Math.round((heap() - empty) / tasks)} bytes`);

const advance = (draft: Draft, id: string, state: TaskState): Task | undefined => {
  const task = draft.get('task', id);
  return task?.status === undefined
    ? undefined
    : draft.update('task', { ...task, status: { ...task.status, state } });
};
const updates = Math.min(tasks, 50_000);
await each('status update, one an entry', updates, async () => {
  for (let i = 0; i < updates; i++) {
    const id = ids[i] ?? '';
    void store.update(anyone, (draft) => advance(draft, id, TaskState.RUNNING));
    consensus.commit();
    if (i % 50 === 0) await turn();
  }
});
const foreign = consensus.committed.splice(0).map(({ data }) => data);
await each('status update, 100 an entry, 10 in flight', updates, async () => {
  for (let i = 0; i < updates; i += 100) {
    void store.update(anyone, (draft) => {
      for (let k = i; k < i + 100; k++) advance(draft, ids[k] ?? '', TaskState.FAILED);
    });
    if ((i / 100) % 10 !== 9) continue;
    consensus.commit();
    await turn();
  }
});
consensus.commit();
consensus.committed.length = 0;

const view = store.view();
const count = 200_000;
await each('get', count, () => {
  for (let i = 0; i < count; i++) view.get('task', ids[i % ids.length] ?? '');
});
const query = async (what: string, times: number, by: (i: number) => By): Promise<void> => {
  let found = 0;
  await each(`find by ${what}`, times, () => {
    for (let i = 0; i < times; i++) found += view.find('task', by(i)).length;
  });
  say('  tasks found', `${Math.round(found / times)}`);
};
await query('slot', 100_000, (i) => ({
  by: 'slot',
  serviceId: services[i % 100]?.id ?? '',
  slot: 3n,
}));
await query('node', 20_000, (i) => ({ by: 'node', id: nodes[i % 1000]?.id ?? '' }));
await query('service', 1000, (i) => ({ by: 'service', id: services[i % 100]?.id ?? '' }));
await query('name', 50_000, () => ({ by: 'name', value: `service-1.1.${ids[1]}` }));
await query('id prefix (a walk)', 20, (i) => ({
  by: 'idPrefix',
  value: ids[i]?.slice(0, 4) ?? '',
}));
await query('name prefix (a walk)', 20, (i) => ({ by: 'namePrefix', value: `service-${i}.` }));
await query('all', 20, () => ({ by: 'all' }));

await each('pin and release', 100_000, () => {
  for (let i = 0; i < 100_000; i++) store.pin().release();
});
const before = heap();
const pin = store.pin();
for (let i = 0; i < 10_000; i++) {
  void store.update(anyone, (draft) => advance(draft, ids[i] ?? '', TaskState.ORPHANED));
  consensus.commit();
}
consensus.committed.length = 0;
say('held by a pin, an update since', `${Math.round((heap() - before) / 10_000)} bytes`);
pin.release();

let blocked = 0;
let last = performance.now();
let ticking = setImmediate(function tick() {
  const now = performance.now();
  blocked = Math.max(blocked, now - last);
  last = now;
  ticking = setImmediate(tick);
});
await turn();
globalThis.gc?.();
await turn();
blocked = 0;
const started = performance.now();
const snapshot = await store.snapshot();
say(
  'snapshot',
  `${(snapshot.length / 1e6).toFixed(0)} MB in ${Math.round(performance.now() - started)} ms`,
);
clearImmediate(ticking);
say('  longest block of the event loop', `${blocked.toFixed(1)} ms`);

const replica = member();
const restoring = await timed(() => replica.restore(snapshot, 1n));
say('restore of it', `${Math.round(restoring)} ms`);
let index = 2n;
await each('status update by another leader, one an entry', foreign.length, () => {
  for (const data of foreign) {
    replica.apply({ index, term: 1n, data });
    index += 1n;
  }
});
