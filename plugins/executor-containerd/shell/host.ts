/** Looks at the machine: cgroups, processor, memory. Read once, when the executor starts. */
import { existsSync, readFileSync } from 'node:fs';
import { availableParallelism, hostname, machine, totalmem } from 'node:os';
import type { HostFacts } from '../core/host-facts.js';
import type { Platform } from '../core/image-manifest.js';

const CGROUPS = '/sys/fs/cgroup';

/** Node's names to Go's, which images use. */
const goArchitectures: Readonly<Record<string, string>> = {
  x64: 'amd64',
  arm64: 'arm64',
  arm: 'arm',
  ppc64: 'ppc64le',
  s390x: 's390x',
  riscv64: 'riscv64',
};

export function hostFacts(): HostFacts {
  const cgroupVersion = existsSync(`${CGROUPS}/cgroup.controllers`) ? 2 : 1;
  return {
    cgroupVersion,
    controllers: cgroupVersion === 2 ? controllersV2() : controllersV1(),
    architecture: imagePlatform().architecture,
    hostname: hostname(),
  };
}

export const imagePlatform = (): Platform => ({
  os: 'linux',
  architecture: goArchitectures[process.arch] ?? process.arch,
});

export const machineResources = (): { readonly cpus: number; readonly memoryBytes: number } => ({
  cpus: availableParallelism(),
  memoryBytes: totalmem(),
});

/** As `uname -m` and Docker say it: `x86_64`. */
export const machineArchitecture = (): string => machine();

function controllersV2(): HostFacts['controllers'] {
  const names = new Set(readText(`${CGROUPS}/cgroup.controllers`).split(/\s+/));
  const memory = names.has('memory');
  return { cpuQuota: names.has('cpu'), memory, swap: memory, pids: names.has('pids') };
}

const controllersV1 = (): HostFacts['controllers'] => ({
  cpuQuota: existsSync(`${CGROUPS}/cpu/cpu.cfs_quota_us`),
  memory: existsSync(`${CGROUPS}/memory/memory.limit_in_bytes`),
  swap: existsSync(`${CGROUPS}/memory/memory.memsw.limit_in_bytes`),
  pids: existsSync(`${CGROUPS}/pids/cgroup.procs`),
});

/** True when the kernel killed something in this cgroup for want of memory. Only until it is deleted. */
export function wasOutOfMemory(cgroupPath: string, cgroupVersion: 1 | 2): boolean {
  const file =
    cgroupVersion === 2
      ? `${CGROUPS}${cgroupPath}/memory.events`
      : `${CGROUPS}/memory${cgroupPath}/memory.oom_control`;
  return Number(/^oom_kill (\d+)$/m.exec(readText(file))?.[1] ?? 0) > 0;
}

/** Pids in a cgroup (`swarmkit/<id>`); none when there is no such cgroup. */
export function cgroupProcesses(path: string): readonly number[] {
  // With v1 a container is in every hierarchy; these two are the likeliest to be there.
  const files = ['', '/pids', '/memory'].map((root) => `${CGROUPS}${root}/${path}/cgroup.procs`);
  const text = files.map(readText).find((found) => found !== '') ?? '';
  return text.split('\n').filter(Boolean).map(Number);
}

/** '' for what cannot be read. */
export function readText(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}
