import { isJob } from '@swarmkit/sdk/model/task';
import type { ListServiceStatusesResponse_ServiceStatus as ServiceStatus } from '@swarmkit/sdk/wire/gen/swarmkit/control';
import type { Service, Task } from '@swarmkit/sdk/wire/gen/swarmkit/objects';
import type { TaskSpec } from '@swarmkit/sdk/wire/gen/swarmkit/specs';
import type { PortConfig } from '@swarmkit/sdk/wire/gen/swarmkit/types';
import { protocol, publishMode } from './names.js';

/** Parts of a service as people read them. */

export const nameOf = (service: Service): string => service.spec?.annotations?.name ?? '';

/** Without the digest where there is a tag: `busybox:1.36@sha256:…` -> `busybox:1.36`, as in Docker's tables. */
export function imageOf(task: TaskSpec | undefined): string {
  const runtime = task?.runtime;
  if (runtime?.$case !== 'container') return runtime?.$case ?? '';
  const [reference = '', digest] = runtime.value.image.split('@');
  return digest !== undefined && /:[^/]+$/.test(reference) ? reference : runtime.value.image;
}

/** The container that an attachment puts on its networks, as short as Docker shows ids; empty for other tasks. */
export function attachedContainer({ spec }: Task): string {
  return spec?.runtime?.$case === 'attachment' ? spec.runtime.value.containerId.slice(0, 12) : '';
}

/** `2/3`, and of a job also `(4/10 completed)`. */
export function replicasOf(service: Service, status: ServiceStatus | undefined): string {
  if (status === undefined) return '';
  const running = `${status.runningTasks}/${status.desiredTasks}`;
  if (!isJob(service)) return running;
  const mode = service.spec?.mode;
  const total = mode?.$case === 'replicatedJob' ? `/${mode.value.totalCompletions}` : '';
  return `${running} (${status.completedTasks}${total} completed)`;
}

/** As allocated where they are, else as asked for: `8080->80/tcp, 53/udp (host)`. */
export function portsOf(service: Service): string {
  const allocated = service.endpoint?.ports ?? [];
  return (allocated.length > 0 ? allocated : (service.spec?.endpoint?.ports ?? []))
    .map(portText)
    .join(', ');
}

function portText(port: PortConfig): string {
  const published = port.publishedPort === 0 ? '' : `${port.publishedPort}->`;
  const mode = publishMode(port.publishMode) === 'HOST' ? ' (host)' : '';
  return `${published}${port.targetPort}/${protocol(port.protocol).toLowerCase()}${mode}`;
}
