import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { HealthConfig } from '@swarmkit/sdk/wire/gen/swarmkit/types';
import fc from 'fast-check';
import {
  afterProbe,
  type HealthPlan,
  healthPlan,
  nextProbeMs,
  startingHealth,
} from '../core/health.js';

const plan: HealthPlan = {
  command: ['true'],
  intervalMs: 1000,
  timeoutMs: 100,
  startPeriodMs: 5000,
  startIntervalMs: 200,
  retries: 3,
};

describe('health plan', () => {
  const inImage = {
    test: ['CMD', 'check'],
    intervalMs: 7,
    timeoutMs: undefined,
    startPeriodMs: 9,
    startIntervalMs: undefined,
    retries: 5,
  };

  it("is the spec's, with the image's for what is left out", () => {
    assert.deepEqual(healthPlan(HealthConfig.fromPartial({ interval: { seconds: 2n } }), inImage), {
      command: ['check'],
      intervalMs: 2000,
      timeoutMs: 30_000,
      startPeriodMs: 9,
      startIntervalMs: 5000,
      retries: 5,
    });
    assert.deepEqual(
      healthPlan(HealthConfig.fromPartial({ test: ['CMD-SHELL', 'a && b'] }), undefined)?.command,
      ['/bin/sh', '-c', 'a && b'],
    );
  });

  it('is none without a test, and with NONE', () => {
    assert.equal(healthPlan(undefined, undefined), undefined);
    assert.equal(healthPlan(HealthConfig.fromPartial({ test: ['NONE'] }), inImage), undefined);
    assert.throws(
      () => healthPlan(HealthConfig.fromPartial({ test: ['curl'] }), undefined),
      /begins with "curl"/,
    );
  });
});

describe('health', () => {
  it('failures in the start period do not count before the first good probe', () => {
    assert.deepEqual(afterProbe(plan, startingHealth, false, 4999), startingHealth);
    assert.equal(afterProbe(plan, startingHealth, false, 5000).failures, 1);
    const healthy = afterProbe(plan, startingHealth, true, 100);
    assert.equal(afterProbe(plan, healthy, false, 200).failures, 1);
  });

  it('is probed faster in the start period', () => {
    assert.equal(nextProbeMs(plan, startingHealth, 0), 200);
    assert.equal(nextProbeMs(plan, startingHealth, 5000), 1000);
    assert.equal(nextProbeMs(plan, { status: 'healthy', failures: 0 }, 0), 1000);
  });

  it('is unhealthy exactly when the last `retries` counted probes failed', () => {
    fc.assert(
      fc.property(fc.array(fc.boolean()), (results) => {
        let health = startingHealth;
        for (const passed of results) health = afterProbe(plan, health, passed, 10_000);
        const row = results.length - (results.lastIndexOf(true) + 1);
        assert.equal(health.failures, row);
        assert.equal(health.status === 'unhealthy', row >= plan.retries);
        assert.equal(
          health.status === 'starting',
          results.lastIndexOf(true) < 0 && row < plan.retries,
        );
      }),
    );
  });
});
