import assert from 'node:assert/strict';
import { test } from 'node:test';
import { aNode, aService, aTaskOf, type Partially } from '../../testkit/fixtures.js';
import type { Node, Service, Task } from '../../wire/gen/swarmkit/objects.js';
import type { EndpointSpec, TaskSpec } from '../../wire/gen/swarmkit/specs.js';
import { TaskState } from '../../wire/gen/swarmkit/types.js';
import { dirtyCheck, isTaskDirty } from '../dirty-task.js';

const container = (image: string, registryAuth?: string): Partially<TaskSpec> => ({
  runtime: {
    $case: 'container',
    value: { image, ...(registryAuth === undefined ? {} : { pullOptions: { registryAuth } }) },
  },
});
const placement = (...constraints: string[]): Partially<TaskSpec> => ({
  ...container('v1'),
  placement: { constraints },
});

const ssd = aNode({ spec: { annotations: { labels: { disk: 'ssd' } } } });
const before = aService({ spec: { task: container('v1') }, specVersion: { index: 1n } });
const task = aTaskOf(before, { nodeId: ssd.id });

/** The service after an update to this task spec. */
const after = (spec: Partially<TaskSpec>, endpoint?: Partially<EndpointSpec>): Service =>
  aService({
    id: before.id,
    spec: { task: spec, ...(endpoint === undefined ? {} : { endpoint }) },
    specVersion: { index: 2n },
  });
const isDirty = (service: Service, of: Task = task, on: Node | undefined = ssd): boolean =>
  isTaskDirty(service, of, on);

test('the same version is clean without a look at the spec', () => {
  const other = { ...after(container('v2')), specVersion: before.specVersion };
  assert.equal(isDirty(other), false);
  assert.equal(
    isDirty({ ...other, specVersion: undefined }, { ...task, specVersion: undefined }),
    true,
  );
});

test('what is not in the task spec makes nothing dirty', () => {
  const scaled = after(container('v1'));
  assert.equal(isDirty(scaled), false);
  assert.equal(
    isDirty({ ...scaled, spec: { ...scaled.spec!, update: undefined, networks: [] } }),
    false,
  );
});

test('another image, a forced update and other ports do', () => {
  assert.equal(isDirty(after(container('v2'))), true);
  assert.equal(isDirty(after({ ...container('v1'), forceUpdate: 1n })), true);
  assert.equal(isDirty(after(container('v1'), { ports: [{ targetPort: 80 }] })), true);
});

test('a change of constraints alone is clean only where the node still meets them', () => {
  assert.equal(isDirty(after(placement('node.labels.disk==ssd'))), false);
  assert.equal(isDirty(after(placement('node.labels.disk!=ssd'))), true);
  assert.equal(isTaskDirty(after(placement('node.labels.disk==ssd')), task, undefined), true);
  // Nobody can meet what does not parse, so it counts as nothing to meet.
  assert.equal(isDirty(after(placement('nonsense'))), false);
  // Preferences and limits are in the same block.
  const capped = { ...container('v1'), placement: { maxReplicas: 1n } };
  assert.equal(isDirty(after(capped)), false);
});

test('any other difference ends that exemption', () => {
  const met = 'node.labels.disk==ssd';
  assert.equal(isDirty(after({ ...placement(met), ...container('v2') })), true);
  assert.equal(isDirty(after({ ...placement(met), ...container('v1', 'secret') })), true);
  assert.equal(isDirty(after(placement(met), { ports: [{ targetPort: 80 }] })), true);
});

test('other registry credentials are clean once the image was pulled', () => {
  const service = after(container('v1', 'secret'));
  for (const [state, desiredState, expected] of [
    [TaskState.PREPARING, TaskState.RUNNING, true],
    [TaskState.READY, TaskState.RUNNING, false],
    [TaskState.RUNNING, TaskState.RUNNING, false],
    [TaskState.RUNNING, TaskState.READY, false],
    [TaskState.FAILED, TaskState.RUNNING, true],
    [TaskState.RUNNING, TaskState.SHUTDOWN, true],
  ] as const)
    assert.equal(
      isDirty(service, aTaskOf(before, { desiredState, status: { state } })),
      expected,
      `${TaskState[state]} wanted ${TaskState[desiredState]}`,
    );
});

test('one check serves many tasks, whatever they share', () => {
  const check = dirtyCheck(after(placement('node.labels.disk==ssd')));
  assert.equal(check(task, ssd), false);
  assert.equal(check({ ...task, id: 'other' }, aNode()), true);
  assert.equal(check(aTaskOf(before, { spec: container('v0') }), ssd), true);
});
