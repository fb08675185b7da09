import { dirtyCheck } from '@swarmkit/sdk/model/dirty-task';
import { SwarmError } from '@swarmkit/sdk/plugin/errors';
import { GetServiceRequest, ListTasksRequest } from '@swarmkit/sdk/wire/gen/swarmkit/control';
import type { Service, Task } from '@swarmkit/sdk/wire/gen/swarmkit/objects';
import { TaskState, UpdateStatus_UpdateState } from '@swarmkit/sdk/wire/gen/swarmkit/types';
import { taskState } from './output/names.js';
import type { Session } from './session.js';

/**
 * Watches a service until it has converged: every slot has a running task of the present spec and no
 * task of an older one runs. Draws a bar on a terminal, and a line a change elsewhere.
 */

const pollMs = 200;

export interface Convergence {
  readonly done: boolean;
  readonly wanted: number;
  readonly running: number;
  /** Why something does not come up, as its task says. */
  readonly reason: string;
  /** Set when it will not converge by itself. */
  readonly failed?: string;
}

export function convergence(
  service: Service,
  tasks: readonly Task[],
  usableNodes: number,
): Convergence {
  const mode = service.spec?.mode;
  const live = tasks.filter((task) => task.desiredState <= TaskState.RUNNING);
  const wanted =
    mode?.$case === 'replicated' ? Number(mode.value.replicas) : Math.max(live.length, usableNodes);
  // A task of an older version is current all the same when nothing that concerns it has changed.
  const isOutdated = dirtyCheck(service);
  const isCurrent = (task: Task): boolean => !isOutdated(task, undefined);
  const running = live.filter(
    (task) => isCurrent(task) && task.status?.state === TaskState.RUNNING,
  ).length;
  const leftOver = tasks.filter(
    (task) =>
      task.desiredState > TaskState.RUNNING &&
      (task.status?.state ?? 0) >= TaskState.ASSIGNED &&
      (task.status?.state ?? 0) <= TaskState.RUNNING,
  ).length;
  const outdated = live.filter((task) => !isCurrent(task)).length;
  const failing = [...tasks]
    .filter((task) => (task.status?.err ?? '') !== '')
    .sort((a, b) => Number((b.meta?.version?.index ?? 0n) - (a.meta?.version?.index ?? 0n)))[0];
  const reason = failing ? `${taskState(failing.status?.state)}: ${failing.status?.err}` : '';
  const update = service.updateStatus;
  const failed =
    update?.state === UpdateStatus_UpdateState.PAUSED ||
    update?.state === UpdateStatus_UpdateState.ROLLBACK_PAUSED
      ? update.message
      : undefined;
  const done = running >= wanted && leftOver === 0 && (outdated === 0 || running === wanted);
  return { done, wanted, running, reason, ...(failed === undefined ? {} : { failed }) };
}

/** Resolves when converged; throws when it cannot be. An interrupt leaves the service as it is. */
export async function watchService(session: Session, serviceId: string): Promise<void> {
  const { control } = session;
  const terminal = process.stdout.isTTY === true && session.format === 'table';
  let interrupted = false;
  const onInterrupt = (): void => {
    interrupted = true;
  };
  process.once('SIGINT', onInterrupt);
  let shown = '';
  const show = (line: string): void => {
    if (line === shown || session.format === 'json') return;
    process.stdout.write(terminal ? `\r\x1b[2K${line}` : `${line}\n`);
    shown = line;
  };
  try {
    for (;;) {
      const { service } = await control.getService(GetServiceRequest.create({ serviceId }));
      if (service === undefined)
        throw new SwarmError('not-found', 'CTL_NOT_FOUND', `service ${serviceId} was removed`);
      const { tasks } = await control.listTasks(
        ListTasksRequest.fromPartial({ filters: { serviceIds: [serviceId] } }),
      );
      const state = convergence(service, tasks, 0);
      show(terminal ? bar(state) : `${state.running} of ${state.wanted} tasks running`);
      if (state.done && (state.wanted > 0 || service.spec?.mode?.$case !== 'global')) {
        if (terminal) process.stdout.write('\n');
        if (session.format === 'table') console.log('Service converged');
        return;
      }
      if (state.failed !== undefined)
        throw new SwarmError('failed-precondition', 'CTL_PAUSED', state.failed);
      if (interrupted) {
        if (terminal) process.stdout.write('\n');
        console.log(
          `The service goes on in the background; look at it with: swarmctl service inspect ${serviceId}`,
        );
        return;
      }
      await new Promise((resolve) => setTimeout(resolve, pollMs));
    }
  } finally {
    process.removeListener('SIGINT', onInterrupt);
  }
}

const barWidth = 30;

export function bar({ running, wanted, reason }: Convergence): string {
  const full =
    wanted === 0 ? barWidth : Math.round((barWidth * Math.min(running, wanted)) / wanted);
  const text = `[${'='.repeat(full)}${' '.repeat(barWidth - full)}] ${running}/${wanted}`;
  const columns = process.stdout.columns ?? 80;
  return (reason && running < wanted ? `${text} ${reason}` : text).slice(0, columns - 1);
}
