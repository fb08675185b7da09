/**
 * What a task may ask for and we cannot give. Refused by name, before anything is made: a container
 * that silently lacks what was asked for is worse than none.
 */
import { SwarmError } from '@swarmkit/sdk/plugin/errors';
import type { Task } from '@swarmkit/sdk/wire/gen/swarmkit/objects';
import { type ContainerSpec, ContainerSpec_Isolation } from '@swarmkit/sdk/wire/gen/swarmkit/specs';
import { Privileges_SeccompOpts_SeccompMode as SeccompMode } from '@swarmkit/sdk/wire/gen/swarmkit/types';

/** The container spec of a task that this executor runs; throws for every other. */
export function containerSpec(task: Task): ContainerSpec {
  const runtime = task.spec?.runtime;
  if (runtime?.$case !== 'container')
    throw new SwarmError('unimplemented', 'CONTAINERD_RUNTIME', 'exec: unsupported runtime');
  return runtime.value;
}

export function refuseUnsupported(spec: ContainerSpec): void {
  const { privileges } = spec;
  const selinux = privileges?.selinuxContext;
  const asked: readonly (readonly [boolean, string])[] = [
    [spec.init === true, 'an init process in the container (--init)'],
    [spec.openStdin && !spec.tty, 'an open standard input without a TTY'],
    [
      spec.isolation === ContainerSpec_Isolation.HYPERV,
      'Hyper-V isolation, which Windows alone has,',
    ],
    [privileges?.credentialSpec !== undefined, 'credential specs, which Windows alone has,'],
    [privileges?.seccomp?.mode === SeccompMode.CUSTOM, 'custom seccomp profiles'],
    [
      selinux !== undefined &&
        !selinux.disable &&
        [selinux.user, selinux.role, selinux.type, selinux.level].some((part) => part !== ''),
      'SELinux contexts',
    ],
  ];
  const found = asked.find(([is]) => is);
  if (found !== undefined)
    throw new SwarmError(
      'unimplemented',
      'CONTAINERD_UNSUPPORTED',
      `the containerd executor does not support ${found[1]} yet; take it out of the service or use executor-docker`,
    );
}
