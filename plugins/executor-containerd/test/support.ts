/** What the tests of this plugin share: an env with the real clock, and a running executor. */
import { randomBytes, randomInt } from 'node:crypto';
import { join } from 'node:path';
import type { ExecutorEvent } from '@swarmkit/sdk/contracts/executor';
import type { TaskLogs } from '@swarmkit/sdk/contracts/log-sink';
import type { Env, Random } from '@swarmkit/sdk/plugin/env';
import type { Channel, Logger } from '@swarmkit/sdk/plugin/plugin';
import { BUSYBOX_REFERENCE, buildBusyboxArchive } from '@swarmkit/sdk/testkit/busybox-image';
import type { ContainerdFixture } from '@swarmkit/sdk/testkit/containerd-fixture';
import { Task } from '@swarmkit/sdk/wire/gen/swarmkit/objects';
import { Subject } from 'rxjs';
import { ContainerdConnection } from '../shell/containerd/connection.js';
import { type ContainerdConfig, ContainerdExecutor } from '../shell/executor.js';
import { importArchive } from '../shell/images/import-archive.js';

const random: Random = {
  next: () => randomInt(2 ** 32) / 2 ** 32,
  int: (below) => randomInt(below),
  bytes: (count) => randomBytes(count),
  fork: () => random,
};

export const realEnv: Env = {
  clock: {
    now: () => Date.now(),
    monotonic: () => performance.now(),
    after: (ms, run) => {
      const timer = setTimeout(run, Math.max(0, ms));
      return () => clearTimeout(timer);
    },
  },
  random,
  id: () => Array.from({ length: 25 }, () => randomInt(36).toString(36)).join(''),
};

export interface RecordedLog extends Logger {
  readonly warnings: string[];
}

export function recordedLog(): RecordedLog {
  const warnings: string[] = [];
  const quiet = (): void => {};
  const warn = (first: object | string, second?: string): void =>
    void warnings.push(second ?? String(first));
  return { warnings, debug: quiet, info: quiet, warn, error: warn };
}

export function eventChannel(): Channel<ExecutorEvent> {
  const facts$ = new Subject<ExecutorEvent>();
  return { name: 'events', dropped: 0, publish: (fact) => facts$.next(fact), facts$ };
}

export const configFor = (fixture: ContainerdFixture): ContainerdConfig => ({
  address: fixture.address,
  namespace: 'swarmkit',
  snapshotter: 'overlayfs',
  dir: join(fixture.dir, 'executor'),
  memoryDir: '/dev/shm/swarmkit-test',
  runtime: 'io.containerd.runc.v2',
});

export const newExecutor = (
  fixture: ContainerdFixture,
  logs: TaskLogs,
  log: Logger = recordedLog(),
): ContainerdExecutor => executorAt(configFor(fixture), logs, log);

/** As `newExecutor`, for a process that has only the paths. */
export function executorAt(
  where: Pick<ContainerdConfig, 'address' | 'dir'>,
  logs: TaskLogs,
  log: Logger = recordedLog(),
): ContainerdExecutor {
  const config = {
    namespace: 'swarmkit',
    snapshotter: 'overlayfs',
    memoryDir: '/dev/shm/swarmkit-test',
    runtime: 'io.containerd.runc.v2',
    ...where,
  };
  const executor = new ContainerdExecutor(config, {
    logs,
    env: realEnv,
    log,
    events: eventChannel(),
  });
  executor.start();
  return executor;
}

/** A task that sleeps until it is stopped. */
export const sleeper = (id: string): Task =>
  Task.fromPartial({
    id,
    serviceAnnotations: { name: 'sleeper' },
    spec: {
      runtime: {
        $case: 'container',
        value: { image: BUSYBOX_REFERENCE, command: ['sleep', '1000'] },
      },
    },
  });

export function connect(fixture: ContainerdFixture): ContainerdConnection {
  return new ContainerdConnection({ ...configFor(fixture), clock: realEnv.clock });
}

export async function importBusybox(
  fixture: ContainerdFixture,
  archive = buildBusyboxArchive(),
): Promise<void> {
  const connection = connect(fixture);
  try {
    await importArchive(connection, archive, { snapshotter: 'overlayfs', env: realEnv });
  } finally {
    connection.close();
  }
}

export { BUSYBOX_REFERENCE };

/** Options of a `describe`: without the engine it is skipped with the reason, under CI it fails. */
export function skipWithout(missing: string | undefined): { readonly skip: string | false } {
  if (missing !== undefined && process.env.CI === 'true') throw new Error(missing);
  return { skip: missing ?? false };
}
