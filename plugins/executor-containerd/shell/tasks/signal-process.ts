/**
 * Sends a signal to a container's first process. Directly where the kernel shows that the pid is in the
 * container's cgroup, since a runc process for each signal costs 20 ms of processor time; else, as when
 * containerd lives in another pid namespace, through containerd.
 */
import { isSwarmError } from '@swarmkit/sdk/plugin/errors';
import { TasksService } from '@swarmkit/sdk/wire/gen/containerd/services/tasks/v1/tasks';
import { SIGKILL } from '../../core/signals.js';
import { CGROUP_PARENT } from '../../core/oci-spec.js';
import type { ContainerdConnection } from '../containerd/connection.js';
import { cgroupProcesses, readText } from '../host.js';

export async function signalProcess(
  containerd: ContainerdConnection,
  containerId: string,
  pid: number,
  signal: number,
): Promise<void> {
  if (pid > 1 && isInContainer(pid, containerId) && killNow(pid, signal)) return;
  try {
    await containerd.find(TasksService.kill, { containerId, execId: '', signal, all: false });
  } catch (error) {
    // runc's word for a process that ended a moment ago.
    if (isSwarmError(error) && /process already finished|not running/.test(error.message)) return;
    throw error;
  }
}

/**
 * Ends what runs in the container's cgroup though containerd knows of nothing: a start that was cut off
 * by a crash can leave runc's first process waiting for ever.
 */
export function killLeftovers(containerId: string): void {
  for (const pid of cgroupProcesses(`${CGROUP_PARENT}/${containerId}`)) killNow(pid, SIGKILL);
}

/** Between this look and the signal the pid would have to end, be reaped and be given out again. */
const isInContainer = (pid: number, containerId: string): boolean =>
  readText(`/proc/${pid}/cgroup`)
    .split('\n')
    .some((line) => {
      const path = line.slice(line.lastIndexOf(':') + 1);
      const own = `/${CGROUP_PARENT}/${containerId}`;
      return path === own || path.startsWith(`${own}/`);
    });

function killNow(pid: number, signal: number): boolean {
  try {
    process.kill(pid, signal);
    return true;
  } catch {
    return false;
  }
}
