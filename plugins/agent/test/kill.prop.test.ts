import assert from 'node:assert/strict';
import test from 'node:test';
import { TaskState } from '@swarmkit/sdk/wire/gen/swarmkit/types';
import fc from 'fast-check';
import { Machine } from './agent-life.js';

const { RUNNING, COMPLETE, SHUTDOWN, REMOVE } = TaskState;

/**
 * A rollout on a machine where the agent is killed again and again, the disk hangs, messages get lost,
 * the manager is away and containers end by themselves. Whatever happens: a task has one container at
 * most and is started once at most, no status goes back, and when the troubles are over everything is
 * as it was wanted.
 */

const step = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constant('pass' as const),
      ms: fc.integer({ min: 1, max: 400 }),
    }),
  },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('kill' as const), survivors: fc.nat(3) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('upgrade' as const) }) },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant('assign' as const),
      count: fc.integer({ min: 1, max: 4 }),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constantFrom('exit', 'stop', 'remove', 'lose') as fc.Arbitrary<
        'exit' | 'stop' | 'remove' | 'lose'
      >,
      which: fc.nat(20),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      do: fc.constantFrom('hold', 'release', 'cut', 'away', 'back', 'down', 'up') as fc.Arbitrary<
        'hold' | 'release' | 'cut' | 'away' | 'back' | 'down' | 'up'
      >,
    }),
  },
);

test('killed at any moment, the agent starts nothing twice and loses nothing', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 10, maxLength: 40 }), async (steps) => {
      const machine = new Machine();
      const { manager, runtime, disk, server, clock } = machine;
      runtime.behave({ prepareMs: 60, startMs: 40, stopMs: 50, removeMs: 10 });
      const wanted = new Map<string, TaskState>();
      const nth = (which: number) => [...wanted.keys()][which % wanted.size];
      await machine.start();
      try {
        for (const step of steps) {
          const id = 'which' in step && wanted.size > 0 ? nth(step.which) : undefined;
          switch (step.do) {
            case 'pass':
              await clock.advance(step.ms);
              break;
            case 'kill':
              machine.kill(step.survivors);
              disk.release();
              await machine.start();
              break;
            case 'upgrade':
              disk.release();
              await machine.stop();
              await machine.start();
              break;
            case 'assign': {
              const tasks = machine.tasks(step.count);
              for (const task of tasks) wanted.set(task.id, RUNNING);
              manager.assign(...tasks);
              break;
            }
            case 'exit':
              if (id !== undefined) runtime.exit(id, 1);
              break;
            case 'stop':
              if (id === undefined) break;
              wanted.set(id, SHUTDOWN);
              manager.want(SHUTDOWN, id);
              break;
            case 'remove':
              if (id === undefined) break;
              wanted.delete(id);
              manager.remove(id);
              break;
            case 'lose':
              if (id === undefined) break;
              manager.loseMessage(() => manager.want(REMOVE, id));
              wanted.set(id, SHUTDOWN);
              break;
            case 'hold':
              disk.hold();
              break;
            case 'release':
              disk.release();
              break;
            case 'cut':
              server.cut();
              break;
            case 'away':
              server.up = false;
              server.cut();
              break;
            case 'back':
              server.up = true;
              break;
            case 'down':
              runtime.available = false;
              break;
            case 'up':
              runtime.available = true;
          }
        }
        disk.release();
        runtime.available = true;
        server.up = true;
        server.cut();
        const settled = () =>
          [...wanted].every(([id, state]) => {
            const observed = manager.state(id) ?? 0;
            return state === SHUTDOWN
              ? observed >= COMPLETE
              : observed >= RUNNING && (observed > RUNNING || runtime.running().includes(id));
          }) && [...runtime.containers.keys()].every((id) => wanted.has(id));
        await machine.until('all is as wanted', settled, 20_000);
        assert.deepEqual(
          [...runtime.made.values()].filter((count) => count > 1),
          [],
        );
        assert.deepEqual(
          [...runtime.started.values()].filter((count) => count > 1),
          [],
        );
        assert.deepEqual(manager.wentBack, []);
        assert.deepEqual(machine.faults, []);
      } finally {
        disk.release();
        await machine.stop();
      }
    }),
    { numRuns: 60, includeErrorInReport: true },
  );
});
