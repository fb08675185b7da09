/** The agent's process is killed in the middle of starting tasks; the next one finishes what it began. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { isRetryable } from '@swarmkit/sdk/plugin/errors';
import { ContainerdFixture, containerdMissing } from '@swarmkit/sdk/testkit/containerd-fixture';
import { eventually } from '@swarmkit/sdk/testkit/eventually';
import { MemoryTaskLogs } from '@swarmkit/sdk/testkit/memory-task-logs';
import { configFor, executorAt, importBusybox, skipWithout, sleeper } from './support.js';

const child = fileURLToPath(new URL('./crash-child.js', import.meta.url));

/** Starts `ids` in a process of its own and kills it at `line` of its output; the pids it reported. */
async function startAndDie(
  where: { address: string; dir: string },
  ids: readonly string[],
  line: number,
) {
  const agent = spawn(process.execPath, [child, where.address, where.dir, ...ids], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const closed = once(agent, 'close');
  let said = '';
  agent.stdout.on('data', (bytes) => {
    said += bytes;
    if (said.split('\n').length > line) agent.kill('SIGKILL');
  });
  await closed;
  return new Map(
    [...said.matchAll(/^running (\S+) (\d+)$/gm)].map((found) => [found[1], Number(found[2])]),
  );
}

describe('a killed agent', skipWithout(containerdMissing()), () => {
  it('is followed by one that restarts nothing and finishes the rest', async () => {
    const fixture = await ContainerdFixture.start();
    try {
      await importBusybox(fixture);
      const where = configFor(fixture);
      // The first when all are prepared and some are being made, then with ever more running.
      for (const line of [5, 6, 8, 10]) {
        const ids = Array.from({ length: 5 }, (_, i) => `killed${line}x${i}`);
        const running = await startAndDie(where, ids, line);
        const executor = executorAt(where, new MemoryTaskLogs());
        try {
          const pids = await Promise.all(ids.map((id) => finish(executor.controller(sleeper(id)))));
          for (const [i, id] of ids.entries())
            if (running.has(id)) assert.equal(pids[i], running.get(id), `${id} was restarted`);
          for (const id of ids) await executor.discard(id);
          assert.deepEqual(await executor.existing(), []);
        } finally {
          executor.stop();
        }
      }
    } finally {
      fixture.stop();
    }
  });
});

/** As the agent does: a retryable failure is tried again. */
async function finish(
  controller: ReturnType<ReturnType<typeof executorAt>['controller']>,
): Promise<number> {
  const calm = new AbortController().signal;
  let outcome: unknown;
  await eventually(
    'prepare and start',
    async () => {
      try {
        await controller.prepare(calm);
        await controller.start(calm);
        return true;
      } catch (error) {
        outcome = error;
        // containerd kept a folder in the way: final, and known (docs/decisions/0008).
        if (/file exists/.test(String(error)) && !isRetryable(error)) return true;
        if (!isRetryable(error)) throw error;
        return false;
      }
    },
    // Longer than a create that hangs, and the next one.
    { limitMs: 100_000, explain: () => String(outcome) },
  );
  return (await controller.containerStatus())?.pid ?? 0;
}
