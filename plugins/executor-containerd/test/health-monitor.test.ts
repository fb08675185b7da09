import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { VirtualEnv } from '@swarmkit/sdk/testkit/virtual-env';
import { abortable } from '../shell/abortable.js';
import type { ContainerdConnection } from '../shell/containerd/connection.js';
import { Limiter } from '../shell/limiter.js';
import type { ExitWatch } from '../shell/tasks/exit-watch.js';
import { HealthMonitor } from '../shell/tasks/health-monitor.js';

const INTERVAL_MS = 1_000;
const TIMEOUT_MS = 400;

/** A container whose checks end as `ends` says; by default well, at once. */
function container() {
  const env = new VirtualEnv('health');
  const state = { probes: 0, kills: 0, waits: 0, ends: Promise.resolve(0) };
  const containerd = {
    unary: async () => ({}),
    find: async (_method: unknown, request: { readonly signal?: number }) => {
      // What is killed has ended.
      if (request.signal === undefined) return;
      state.kills += 1;
      state.ends = Promise.resolve(137);
    },
  } as unknown as ContainerdConnection;
  const exits = {
    expect: () => {
      state.probes += 1;
    },
    started: () => undefined,
    forget: () => undefined,
    wait: async (_ref: unknown, signal: AbortSignal) => {
      state.waits += 1;
      try {
        return await abortable(state.ends, signal);
      } finally {
        state.waits -= 1;
      }
    },
  } as unknown as ExitWatch;
  const monitor = new HealthMonitor({
    ...{ containerd, exits, env, limiter: new Limiter(1), containerId: 'c' },
    plan: {
      command: ['check'],
      intervalMs: INTERVAL_MS,
      timeoutMs: TIMEOUT_MS,
      startPeriodMs: 0,
      startIntervalMs: INTERVAL_MS,
      retries: 1,
    },
    process: { args: [], cwd: '/' } as never,
    onChange: () => undefined,
  });
  return { monitor, state, clock: env.clock };
}

describe('a health monitor', () => {
  it('probes over and over, and no probe leaves a trace with a signal that lives on', async (t) => {
    const combined = t.mock.method(AbortSignal, 'any');
    const { monitor, state, clock } = container();
    await clock.advance(10 * INTERVAL_MS);
    assert.ok(state.probes >= 9, `${state.probes} probes`);
    assert.equal(monitor.status, 'healthy');
    assert.equal(combined.mock.callCount(), 0);
    monitor.close();
  });

  it('kills a probe that takes too long', async () => {
    const { monitor, state, clock } = container();
    state.ends = new Promise(() => undefined);
    await clock.advance(INTERVAL_MS + TIMEOUT_MS - 1);
    assert.deepEqual([state.kills, monitor.status], [0, 'starting']);
    await clock.advance(1);
    assert.deepEqual([state.kills, monitor.status], [1, 'unhealthy']);
    monitor.close();
  });

  it('waits for no probe once it is closed', async () => {
    const { monitor, state, clock } = container();
    state.ends = new Promise(() => undefined);
    await clock.advance(INTERVAL_MS + 1);
    assert.equal(state.waits, 1);
    monitor.close();
    await clock.advance(0);
    assert.deepEqual([state.waits, state.kills, monitor.status], [0, 1, 'starting']);
    await clock.advance(10 * INTERVAL_MS);
    assert.equal(state.probes, 1);
  });
});
