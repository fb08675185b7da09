/**
 * A running node becomes a manager and a worker again, several times in one process: its manager plugins
 * come and go, its tasks do not notice. Then the leader itself is made a worker.
 */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import type { Node } from '@swarmkit/sdk/wire/gen/swarmkit/objects';
import {
  NodeRole,
  RaftMemberStatus_Reachability as Reachability,
} from '@swarmkit/sdk/wire/gen/swarmkit/types';
import { Cleanup } from '../harness/cleanup.js';
import { ManagerGroup, type ManagerProcess } from '../harness/manager-group.js';
import { serviceSpec } from '../harness/specs.js';
import { until } from '../harness/until.js';

const cleanup = new Cleanup();
after(() => cleanup.run());

describe('roles of running nodes', () => {
  let group: ManagerGroup;
  let worker: ManagerProcess;
  let passed = 0;

  before(async () => {
    group = await ManagerGroup.start(1, cleanup);
    worker = await group.addWorker();
  });
  after(() => {
    if (passed === 2) return;
    process.stderr.write(group.lastWords());
    process.stderr.write(`--- worker\n${worker.daemon.said().slice(-60).join('\n')}\n`);
  });

  const find = async (hostname: string): Promise<Node> =>
    until(`${hostname} is listed`, async () =>
      (await group.nodes()).find(({ description }) => description?.hostname === hostname),
    );
  const setRole = (hostname: string, desiredRole: NodeRole): Promise<unknown> =>
    until(`${hostname} is told`, async () => {
      const node = await find(hostname);
      await group.ask((swarm) => swarm.updateNode(node, (spec) => ({ ...spec, desiredRole })));
      return true;
    });
  const isManager = async (hostname: string): Promise<boolean> => {
    const { managerStatus, role } = await find(hostname);
    return role === NodeRole.MANAGER && managerStatus?.reachability === Reachability.REACHABLE;
  };
  const isWorker = async (hostname: string): Promise<boolean> => {
    const { managerStatus, role } = await find(hostname);
    return role === NodeRole.WORKER && managerStatus === undefined;
  };

  it('change there and back in one process, and no task is touched', async () => {
    const { daemon } = worker;
    const spec = serviceSpec({ name: 'stays', global: true });
    const service = await group.ask((swarm) => swarm.create(spec));
    const tasks = await until('its tasks run', () =>
      group.ask((swarm) => swarm.running(service.id, 2)),
    );
    const before = tasks.map(({ id }) => id).sort();
    for (let round = 0; round < 3; round++) {
      const from = daemon.output.length;
      await setRole('worker-1', NodeRole.MANAGER);
      await until(`it is a manager, round ${round}`, () => isManager('worker-1'), 60_000);
      await setRole('worker-1', NodeRole.WORKER);
      await until(`it is a worker, round ${round}`, () => isWorker('worker-1'), 60_000);
      await until(
        'it has let go of the log',
        () => daemon.said(from).some((line) => line.includes('forgot the raft log')),
        60_000,
      );
    }
    const now = await group.ask((swarm) => swarm.running(service.id, 2));
    assert.deepEqual(now.map(({ id }) => id).sort(), before);
    assert.deepEqual(
      now.map(({ status }) => status?.appliedAt),
      tasks.map(({ status }) => status?.appliedAt),
    );
    passed++;
  });

  it('change for the leader too: another one takes over', async () => {
    await setRole('worker-1', NodeRole.MANAGER);
    await until('it is a manager', () => isManager('worker-1'), 60_000);
    group.managers.push(worker);
    await setRole('manager-0', NodeRole.WORKER);
    await until('the old leader is a worker', () => isWorker('manager-0'), 90_000);
    assert.equal(await isManager('worker-1'), true);
    passed++;
  });
});
