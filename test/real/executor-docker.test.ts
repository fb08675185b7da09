import { realEnv } from '@swarmkit/kernel/env';
import { DockerExecutor } from '@swarmkit/plugin-executor-docker/shell/docker-executor';
import type { ExecutorEvent } from '@swarmkit/sdk/contracts/executor';
import { BUSYBOX_REFERENCE, buildBusyboxArchive } from '@swarmkit/sdk/testkit/busybox-image';
import { executorConformance } from '@swarmkit/sdk/testkit/executor-conformance';
import { Subject } from 'rxjs';
import { Cleanup } from '../harness/cleanup.js';
import { dockerdMissing, loadImage, startDockerd } from '../harness/dockerd.js';

const cleanup = new Cleanup();
let socket = '';

executorConformance({
  name: 'executor-docker',
  skip: dockerdMissing(),
  image: BUSYBOX_REFERENCE,
  healthchecks: true,
  dependencies: true,
  shared: true,
  async setUp() {
    const peer = await startDockerd(cleanup, 'executor');
    await loadImage(peer, buildBusyboxArchive());
    socket = peer.socket;
  },
  tearDown: () => cleanup.run(),
  async open(logs) {
    const events = new Subject<ExecutorEvent>();
    const stopping = new AbortController();
    const executor = new DockerExecutor({
      socket,
      memoryDir: '/dev/shm/swarmkit-test',
      clock: realEnv.clock,
      logs,
      events: {
        name: 'test.events',
        dropped: 0,
        publish: (event) => events.next(event),
        facts$: events,
      },
    });
    const watching = executor.watch(stopping.signal);
    return {
      executor,
      async close() {
        stopping.abort();
        executor.close();
        await watching;
      },
    };
  },
});
