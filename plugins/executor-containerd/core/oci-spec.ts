/**
 * The OCI runtime specification of a task's container. Pure: everything about the machine and the
 * image comes in, so the same task gives the same specification.
 */
import { genericResourceEnv } from '@swarmkit/sdk/model/generic-resource-env';
import { SwarmError } from '@swarmkit/sdk/plugin/errors';
import type { Task } from '@swarmkit/sdk/wire/gen/swarmkit/objects';
import type { ContainerSpec } from '@swarmkit/sdk/wire/gen/swarmkit/specs';
import { Privileges_SeccompOpts_SeccompMode as SeccompMode } from '@swarmkit/sdk/wire/gen/swarmkit/types';
import { capabilities } from './capabilities.js';
import { commandLine, environment, workingDirectory } from './command.js';
import type { HostFacts } from './host-facts.js';
import type { ImageConfig } from './image-manifest.js';
import { defaultMounts, maskedPaths, networkSysctls, readonlyPaths } from './linux-defaults.js';
import type { NetworkMode } from './network-mode.js';
import type { OciCapabilities, OciMount, OciProcess, OciSpec, OciUser } from './oci-types.js';
import { ociResources, ociRlimits } from './resources.js';
import { seccompProfile } from './seccomp.js';

export interface SpecInput {
  readonly task: Task;
  readonly spec: ContainerSpec;
  readonly containerId: string;
  readonly image: ImageConfig;
  readonly user: OciUser;
  readonly network: NetworkMode;
  /** The task's own mounts, see planMounts. */
  readonly mounts: readonly OciMount[];
  /** Host paths of the files that are bound into /etc. */
  readonly files: {
    readonly hosts: string;
    readonly hostname: string;
    readonly resolvConf: string;
  };
  readonly host: HostFacts;
}

/** All containers of swarmkit live under one cgroup. */
export const CGROUP_PARENT = 'swarmkit';

export function ociSpec(input: SpecInput): {
  readonly spec: OciSpec;
  readonly warnings: readonly string[];
} {
  const { task, spec, image, network, host } = input;
  const hostname = containerHostname(spec, input.containerId, network, host);
  const granted = capabilities(spec.capabilityAdd, spec.capabilityDrop);
  const { resources, warnings } = ociResources(task.spec, spec, host);
  const sysctl = sysctls(spec.sysctls, network);
  const unconfined = spec.privileges?.seccomp?.mode === SeccompMode.UNCONFINED;
  const process: OciProcess = {
    ...(spec.tty ? { terminal: true } : {}),
    user: input.user,
    args: commandLine(spec, image),
    env: environment(spec, image, {
      hostname,
      tty: spec.tty,
      extra: genericResourceEnv(task.assignedGenericResources),
    }),
    cwd: workingDirectory(spec, image),
    capabilities: processCapabilities(granted, input.user),
    ...(spec.ulimits.length > 0 ? { rlimits: ociRlimits(spec.ulimits) } : {}),
    noNewPrivileges: spec.privileges?.noNewPrivileges ?? false,
    // Said even when 0: containerd's own value, which protects it, would be inherited.
    oomScoreAdj: Number(spec.oomScoreAdj),
  };
  return {
    warnings,
    spec: {
      ociVersion: '1.0.2',
      process,
      root: { path: 'rootfs', readonly: spec.readOnly },
      hostname,
      mounts: allMounts(input),
      linux: {
        cgroupsPath: `/${CGROUP_PARENT}/${input.containerId}`,
        namespaces: namespaces(network, host),
        resources,
        ...(Object.keys(sysctl).length > 0 ? { sysctl } : {}),
        ...(unconfined ? {} : { seccomp: seccompProfile(granted, host.architecture) }),
        maskedPaths,
        readonlyPaths,
      },
    },
  };
}

/** The spec's, else the machine's on its network, else the short id. */
export function containerHostname(
  spec: ContainerSpec,
  containerId: string,
  network: NetworkMode,
  host: HostFacts,
): string {
  if (spec.hostname !== '') return spec.hostname;
  return network === 'host' ? host.hostname : containerId.slice(0, 12);
}

/**
 * JSON of a specification. bigint values become plain numbers beyond what a number holds; they pass
 * through as strings marked by NUL, which no argument or variable can contain.
 */
export function serializeSpec(spec: OciSpec | OciProcess): string {
  return JSON.stringify(spec, (_key, value: unknown) =>
    typeof value === 'bigint' ? `\u0000${value}` : value,
  ).replace(/"\\u0000(\d+)"/g, '$1');
}

/** For a user other than root they are only the bound of what a set-uid program may gain. */
const processCapabilities = (granted: readonly string[], user: OciUser): OciCapabilities =>
  user.uid === 0
    ? { bounding: granted, effective: granted, permitted: granted }
    : { bounding: granted, effective: [], permitted: [] };

const namespaces = (network: NetworkMode, host: HostFacts): readonly { type: string }[] =>
  [
    'pid',
    'ipc',
    'uts',
    'mount',
    ...(network === 'host' ? [] : ['network']),
    // With v1 the container sees its limits under the machine's paths, as in Docker.
    ...(host.cgroupVersion === 2 ? ['cgroup'] : []),
  ].map((type) => ({ type }));

/** A mount of the task replaces a default at the same place; outer ones come before what is inside them. */
function allMounts(input: SpecInput): readonly OciMount[] {
  const own = [...input.mounts].sort((a, b) => depth(a) - depth(b));
  const taken = new Set(own.map((mount) => mount.destination));
  const file = (destination: string, source: string): OciMount => ({
    destination,
    type: 'bind',
    source,
    options: ['rbind', 'rprivate', ...(input.spec.readOnly ? ['ro'] : [])],
  });
  const given = [
    ...defaultMounts,
    file('/etc/hosts', input.files.hosts),
    file('/etc/hostname', input.files.hostname),
    file('/etc/resolv.conf', input.files.resolvConf),
  ];
  return [...given.filter((mount) => !taken.has(mount.destination)), ...own];
}

const depth = (mount: OciMount): number => mount.destination.split('/').filter(Boolean).length;

/** Only sysctls that a namespace of the container's own holds; others would change the machine. */
function sysctls(
  asked: Readonly<Record<string, string>>,
  network: NetworkMode,
): Readonly<Record<string, string>> {
  for (const name of Object.keys(asked)) {
    const isNet = name.startsWith('net.');
    const isIpc =
      /^(kernel\.(msgmax|msgmnb|msgmni|sem|shmall|shmmax|shmmni|shm_rmid_forced)|fs\.mqueue\..+)$/;
    if (!isIpc.test(name) && !(isNet && network !== 'host'))
      throw new SwarmError(
        'invalid-argument',
        'CONTAINERD_SPEC_INVALID',
        `sysctl "${name}" is not in a namespace of the container${isNet ? ' on the host network' : ''}; set it on the machine`,
      );
  }
  return network === 'host' ? asked : { ...networkSysctls, ...asked };
}
