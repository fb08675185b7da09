import assert from 'node:assert/strict';
import { test } from 'node:test';
import { aCluster } from '@swarmkit/sdk/testkit/fixtures';
import { replicas, Swarm, withTask } from './swarm.js';

const driverOf = (swarm: Swarm): string | undefined => {
  const [task] = swarm.live('web');
  return task?.logDriver?.name;
};

function clusterWith(swarm: Swarm, name: string): void {
  swarm.write((draft) => {
    const [cluster] = draft.find('cluster', { by: 'all' });
    const taskDefaults = { logDriver: { name, options: {} } };
    if (cluster === undefined) draft.create('cluster', aCluster({ spec: { taskDefaults } }));
    else draft.update('cluster', { ...cluster, spec: { ...cluster.spec!, taskDefaults } });
  });
}

function setDriver(swarm: Swarm, name: string | undefined): void {
  const logDriver = name === undefined ? undefined : { name, options: {} };
  swarm.updateService('web', (spec) => withTask(spec, (task) => ({ ...task, logDriver })));
  swarm.settle();
  swarm.advance(60_000);
}

test('an updated task takes the log driver of its new spec, and without one that of the cluster', () => {
  const swarm = new Swarm('a');
  clusterWith(swarm, 'default');
  swarm.addService('web', replicas(1));
  swarm.run();
  swarm.settle();
  assert.equal(driverOf(swarm), 'default');
  setDriver(swarm, 'own');
  assert.equal(driverOf(swarm), 'own');
  assert.equal(swarm.updateState('web'), 'COMPLETED');
  setDriver(swarm, undefined);
  assert.equal(driverOf(swarm), 'default');
});

test('another default of the cluster replaces nothing, and holds for what is made from then on', () => {
  const swarm = new Swarm('a');
  clusterWith(swarm, 'old');
  swarm.addService('web', replicas(1));
  swarm.run();
  swarm.settle();
  const [before] = swarm.live('web');
  clusterWith(swarm, 'new');
  assert.deepEqual(swarm.run().changes, []);
  swarm.fail(before!);
  swarm.run();
  assert.equal(driverOf(swarm), 'new');
});

test('with neither, a task has none', () => {
  const swarm = new Swarm('a');
  swarm.addService('web', replicas(1));
  swarm.run();
  assert.equal(driverOf(swarm), undefined);
});
