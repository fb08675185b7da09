/**
 * Health of a container as Docker judges it: a row of failed probes makes it unhealthy, one good probe
 * healthy; failures in the start period do not count until the first good one.
 */
import { durationToMs } from '@swarmkit/sdk/model/time';
import { SwarmError } from '@swarmkit/sdk/plugin/errors';
import type { HealthConfig } from '@swarmkit/sdk/wire/gen/swarmkit/types';
import type { HealthcheckConfig } from './image-manifest.js';

export interface HealthPlan {
  /** Words of the probe. */
  readonly command: readonly string[];
  readonly intervalMs: number;
  readonly timeoutMs: number;
  readonly startPeriodMs: number;
  /** Between probes in the start period. */
  readonly startIntervalMs: number;
  readonly retries: number;
}

/** The spec's check, with the image's for what it leaves out; undefined when there is none. */
export function healthPlan(
  spec: HealthConfig | undefined,
  image: HealthcheckConfig | undefined,
): HealthPlan | undefined {
  const test = (spec?.test.length ?? 0) > 0 ? (spec?.test ?? []) : (image?.test ?? []);
  const [how, ...words] = test;
  if (how === undefined || how === 'NONE') return undefined;
  if (how !== 'CMD' && how !== 'CMD-SHELL')
    throw new SwarmError(
      'invalid-argument',
      'CONTAINERD_SPEC_INVALID',
      `the health check begins with "${how}"; it must begin with CMD, CMD-SHELL or NONE`,
    );
  const span = (
    own: HealthConfig['interval'],
    inherited: number | undefined,
    fallback: number,
  ): number => durationToMs(own) || inherited || fallback;
  return {
    command: how === 'CMD' ? words : ['/bin/sh', '-c', words.join(' ')],
    intervalMs: span(spec?.interval, image?.intervalMs, 30_000),
    timeoutMs: span(spec?.timeout, image?.timeoutMs, 30_000),
    startPeriodMs: span(spec?.startPeriod, image?.startPeriodMs, 0),
    startIntervalMs: span(spec?.startInterval, image?.startIntervalMs, 5_000),
    retries: (spec?.retries ?? 0) || (image?.retries ?? 0) || 3,
  };
}

export interface Health {
  readonly status: 'starting' | 'healthy' | 'unhealthy';
  /** Failed probes in a row that count. */
  readonly failures: number;
}

export const startingHealth: Health = { status: 'starting', failures: 0 };

/** `sinceStartMs`: age of the container when the probe began. */
export function afterProbe(
  plan: HealthPlan,
  health: Health,
  passed: boolean,
  sinceStartMs: number,
): Health {
  if (passed) return { status: 'healthy', failures: 0 };
  if (health.status === 'starting' && sinceStartMs < plan.startPeriodMs) return health;
  const failures = health.failures + 1;
  return { status: failures >= plan.retries ? 'unhealthy' : health.status, failures };
}

/** From the end of one probe (or the start of the container) to the next. */
export const nextProbeMs = (plan: HealthPlan, health: Health, sinceStartMs: number): number =>
  health.status === 'starting' && sinceStartMs < plan.startPeriodMs
    ? Math.min(plan.startIntervalMs, plan.intervalMs)
    : plan.intervalMs;
