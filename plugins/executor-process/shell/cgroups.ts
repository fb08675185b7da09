import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmdirSync,
  writeFileSync,
} from 'node:fs';
import path from 'node:path';
import { markerVariable, type ProcessSpec } from '../core/process-spec.js';

/**
 * A control group a task, where this machine lets us: for its limits, and to find every process that
 * the task left. Version 1 has one tree a controller, version 2 one for all. Not being able to make
 * one is no error unless the task asks for a limit.
 */

const mountPoint = '/sys/fs/cgroup';
const parent = 'swarmkit-process';

const isV2 = (): boolean => existsSync(path.join(mountPoint, 'cgroup.controllers'));

const folders = (taskId: string): readonly string[] =>
  isV2()
    ? [path.join(mountPoint, parent, taskId)]
    : ['memory', 'cpu', 'pids']
        .map((controller) => path.join(mountPoint, controller))
        .filter(existsSync)
        .map((tree) => path.join(tree, parent, taskId));

/** Makes the groups and sets the limits. Returns their folders; empty where groups cannot be made. */
export function makeCgroups(taskId: string, spec: ProcessSpec): readonly string[] {
  const made: string[] = [];
  for (const folder of folders(taskId))
    try {
      mkdirSync(folder, { recursive: true });
      made.push(folder);
    } catch {
      // Not root, or the tree is read-only: the task runs without a group of this kind.
    }
  for (const [file, value] of limitFiles(spec)) {
    const at = made.map((folder) => path.join(folder, file)).find(existsSync);
    if (at === undefined) throw new Error(`this machine lets us set no ${file}`);
    writeFileSync(at, value);
  }
  return made;
}

const periodUs = 100_000;

function limitFiles(spec: ProcessSpec): readonly (readonly [file: string, value: string])[] {
  const quota = String((spec.nanoCpus * BigInt(periodUs)) / 1_000_000_000n);
  const v2 = isV2();
  return [
    ...(spec.memoryBytes > 0n
      ? [[v2 ? 'memory.max' : 'memory.limit_in_bytes', String(spec.memoryBytes)] as const]
      : []),
    ...(spec.nanoCpus > 0n
      ? v2
        ? [['cpu.max', `${quota} ${periodUs}`] as const]
        : [['cpu.cfs_period_us', String(periodUs)] as const, ['cpu.cfs_quota_us', quota] as const]
      : []),
    ...(spec.pidsLimit > 0n ? [['pids.max', String(spec.pidsLimit)] as const] : []),
  ];
}

/** Every process in the task's groups. */
export function processesIn(taskId: string): readonly number[] {
  const found = new Set<number>();
  for (const folder of folders(taskId))
    try {
      for (const line of readFileSync(path.join(folder, 'cgroup.procs'), 'utf8').split('\n'))
        if (line !== '') found.add(Number(line));
    } catch {
      // No such group.
    }
  return [...found];
}

/**
 * Where no group could be made: every process that carries the task's mark in its environment, as whatever
 * it started does unless it took pains not to.
 */
export function processesMarked(taskId: string): readonly number[] {
  if (folders(taskId).some(existsSync)) return [];
  const mark = `${markerVariable}=${taskId}`;
  return readdirSync('/proc').flatMap((name) => {
    if (!/^\d+$/.test(name)) return [];
    try {
      const environment = readFileSync(`/proc/${name}/environ`, 'latin1');
      return environment.split('\0').includes(mark) ? [Number(name)] : [];
    } catch {
      // Another user's, or it has ended.
      return [];
    }
  });
}

export function removeCgroups(taskId: string): void {
  for (const folder of folders(taskId))
    try {
      rmdirSync(folder);
    } catch {
      // Not there, or a process is just leaving it: an empty group left behind holds nothing.
    }
}
