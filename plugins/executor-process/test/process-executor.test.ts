import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { eventually } from '@swarmkit/sdk/testkit/eventually';
import { executorConformance } from '@swarmkit/sdk/testkit/executor-conformance';
import type { ExecutorEvent } from '@swarmkit/sdk/contracts/executor';
import type { Clock } from '@swarmkit/sdk/plugin/env';
import { Subject } from 'rxjs';
import { ProcessExecutor } from '../shell/process-executor.js';
import { marked } from './leftovers.js';

const dir = mkdtempSync(path.join(tmpdir(), 'swk-process-'));
const clock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  after: (ms, run) => {
    const timer = setTimeout(run, ms);
    return () => clearTimeout(timer);
  },
};

executorConformance({
  name: 'executor-process',
  image: '',
  async open(logs) {
    const events = new Subject<ExecutorEvent>();
    const executor = new ProcessExecutor({
      dir,
      clock,
      logs,
      events: {
        name: 'test.events',
        dropped: 0,
        publish: (event) => events.next(event),
        facts$: events,
      },
    });
    return { executor, close: async () => executor.close() };
  },
  async tearDown() {
    rmSync(dir, { recursive: true, force: true });
    const ids = `conf${process.pid.toString(36)}x`;
    await eventually('every process of these tests to have ended', () => marked(ids).length === 0, {
      explain: () => marked(ids).join('\n'),
    });
  },
});
