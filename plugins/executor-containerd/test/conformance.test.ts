import { containerdMissing, ContainerdFixture } from '@swarmkit/sdk/testkit/containerd-fixture';
import { executorConformance } from '@swarmkit/sdk/testkit/executor-conformance';
import { BUSYBOX_REFERENCE, importBusybox, newExecutor } from './support.js';

let fixture: ContainerdFixture | undefined;

executorConformance({
  name: 'containerd',
  skip: containerdMissing(),
  image: BUSYBOX_REFERENCE,
  healthchecks: true,
  dependencies: true,
  shared: true,
  setUp: async () => {
    fixture = await ContainerdFixture.start();
    await importBusybox(fixture);
  },
  tearDown: async () => fixture?.stop(),
  open: async (logs) => {
    if (fixture === undefined) throw new Error('the fixture is not up');
    const executor = newExecutor(fixture, logs);
    return { executor, close: async () => executor.stop() };
  },
});
