/** Limits of a task as OCI resources. A limit that the machine cannot set is left out, with a warning. */
import { SwarmError } from '@swarmkit/sdk/plugin/errors';
import type { ContainerSpec, TaskSpec } from '@swarmkit/sdk/wire/gen/swarmkit/specs';
import type { HostFacts } from './host-facts.js';
import { deviceRules } from './linux-defaults.js';
import type { OciResources, OciRlimit } from './oci-types.js';

const CPU_PERIOD_US = 100_000;
/** What the kernel takes as the least quota. */
const LEAST_QUOTA_US = 1_000n;
const UNLIMITED = 2n ** 64n - 1n;

export function ociResources(
  task: TaskSpec | undefined,
  spec: ContainerSpec,
  host: HostFacts,
): { readonly resources: OciResources; readonly warnings: readonly string[] } {
  const limits = task?.resources?.limits;
  const warnings: string[] = [];
  const settable = (wanted: boolean, can: boolean, name: string): boolean => {
    if (wanted && !can)
      warnings.push(`this machine has no ${name} cgroup control; the limit is left out`);
    return wanted && can;
  };
  const nanoCpus = limits?.nanoCpus ?? 0n;
  const memory = limits?.memoryBytes ?? 0n;
  const quota = (nanoCpus * BigInt(CPU_PERIOD_US)) / 1_000_000_000n;
  return {
    warnings,
    resources: {
      devices: deviceRules,
      ...(settable(nanoCpus > 0n, host.controllers.cpuQuota, 'cpu quota')
        ? {
            cpu: {
              quota: Number(quota < LEAST_QUOTA_US ? LEAST_QUOTA_US : quota),
              period: CPU_PERIOD_US,
            },
          }
        : {}),
      ...(settable(memory > 0n, host.controllers.memory, 'memory')
        ? { memory: memoryLimit(memory, task, host) }
        : {}),
      ...(settable(spec.pidsLimit > 0n, host.controllers.pids, 'pids')
        ? { pids: { limit: Number(spec.pidsLimit) } }
        : {}),
    },
  };
}

function memoryLimit(
  limit: bigint,
  task: TaskSpec | undefined,
  host: HostFacts,
): NonNullable<OciResources['memory']> {
  const swapBytes = task?.resources?.swapBytes;
  const swappiness = task?.resources?.memorySwappiness;
  // OCI's swap is memory and swap together; Docker's default allows as much swap as memory.
  const swap = swapBytes === undefined ? 2n * limit : swapBytes < 0n ? -1n : limit + swapBytes;
  return {
    limit: Number(limit),
    ...(host.controllers.swap ? { swap: Number(swap) } : {}),
    // cgroup v2 knows no swappiness; -1 is "the kernel's choice".
    ...(host.cgroupVersion === 1 && swappiness !== undefined && swappiness >= 0n
      ? { swappiness: Number(swappiness) }
      : {}),
  };
}

const rlimitNames: ReadonlySet<string> = new Set(
  'as core cpu data fsize locks memlock msgqueue nice nofile nproc rss rtprio rttime sigpending stack'.split(
    ' ',
  ),
);

export function ociRlimits(ulimits: ContainerSpec['ulimits']): readonly OciRlimit[] {
  const bound = (value: bigint): bigint => (value < 0n ? UNLIMITED : value);
  return ulimits.map(({ name, soft, hard }) => {
    const short = name.toLowerCase().replace(/^rlimit_/, '');
    if (!rlimitNames.has(short)) throw invalid(`invalid ulimit type: ${name}`);
    if (bound(soft) > bound(hard))
      throw invalid(
        `ulimit soft limit must be less than or equal to hard limit: ${name}: ${soft} > ${hard}`,
      );
    return { type: `RLIMIT_${short.toUpperCase()}`, soft: bound(soft), hard: bound(hard) };
  });
}

const invalid = (sentence: string): SwarmError =>
  new SwarmError('invalid-argument', 'CONTAINERD_SPEC_INVALID', sentence);
