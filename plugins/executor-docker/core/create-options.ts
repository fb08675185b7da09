import type { FileMount } from '@swarmkit/sdk/executor/dependency-files';
import { genericResourceEnv } from '@swarmkit/sdk/model/generic-resource-env';
import { taskName } from '@swarmkit/sdk/model/task';
import { durationToMs } from '@swarmkit/sdk/model/time';
import { SwarmError } from '@swarmkit/sdk/plugin/errors';
import type { Duration } from '@swarmkit/sdk/wire/gen/google/protobuf/duration';
import type { Task } from '@swarmkit/sdk/wire/gen/swarmkit/objects';
import type { ContainerSpec } from '@swarmkit/sdk/wire/gen/swarmkit/specs';
import {
  type Mount,
  Mount_Type,
  PortConfig_Protocol,
  PortConfig_PublishMode,
} from '@swarmkit/sdk/wire/gen/swarmkit/types';

/**
 * A task as Docker's container create request. Pure: the same task gives the same request. The shapes are
 * inferred, since the client's types belong to the shell, which checks them where it sends the request.
 */

export const taskIdLabel = 'com.docker.swarm.task.id';
/** Of this node's own engine only: two agents on one engine must not touch each other's containers. */
export const nodeIdLabel = 'com.docker.swarm.node.id';

export const isContainerTask = (task: Task): boolean => task.spec?.runtime?.$case === 'container';

export function containerOf(task: Task): ContainerSpec {
  const runtime = task.spec?.runtime;
  if (runtime?.$case !== 'container')
    throw new SwarmError('unimplemented', 'DOCKER_RUNTIME', 'exec: unsupported runtime');
  if (runtime.value.image === '')
    throw new SwarmError('invalid-argument', 'DOCKER_NO_IMAGE', 'dockerexec: image required');
  return runtime.value;
}

/** `files` are the machine's, mounted read-only. */
export function createOptions(task: Task, files: readonly FileMount[] = []) {
  const spec = containerOf(task);
  return {
    name: containerName(task),
    Image: spec.image,
    Labels: { ...spec.labels, ...labels(task) },
    // As in Docker: a command replaces the entrypoint, arguments replace the image's command.
    ...(spec.command.length > 0 ? { Entrypoint: [...spec.command] } : {}),
    ...(spec.args.length > 0 ? { Cmd: [...spec.args] } : {}),
    Env: [...spec.env, ...genericResourceEnv(task.assignedGenericResources)],
    ...(spec.dir === '' ? {} : { WorkingDir: spec.dir }),
    ...(spec.user === '' ? {} : { User: spec.user }),
    ...(spec.hostname === '' ? {} : { Hostname: spec.hostname }),
    ...(spec.stopSignal === '' ? {} : { StopSignal: spec.stopSignal }),
    Tty: spec.tty,
    OpenStdin: spec.openStdin,
    ...healthcheck(spec),
    ExposedPorts: Object.fromEntries(ports(task).map((port) => [portKey(port), {}])),
    HostConfig: hostConfig(task, spec, files),
  };
}

/** Docker's rule for names is narrower than ours for services, so only what both allow is kept. */
export const containerName = (task: Task): string =>
  taskName(task).replace(/[^a-zA-Z0-9_.-]/g, '_');

const labels = (task: Task): Record<string, string> => ({
  'com.docker.swarm.task': '',
  [taskIdLabel]: task.id,
  'com.docker.swarm.task.name': taskName(task),
  [nodeIdLabel]: task.nodeId,
  'com.docker.swarm.service.id': task.serviceId,
  'com.docker.swarm.service.name': task.serviceAnnotations?.name ?? '',
});

const nanos = (duration: Duration | undefined): number | undefined => {
  const ms = durationToMs(duration);
  return ms === undefined ? undefined : ms * 1_000_000;
};

function healthcheck(spec: ContainerSpec) {
  const check = spec.healthcheck;
  if (check === undefined) return {};
  const interval = nanos(check.interval);
  const timeout = nanos(check.timeout);
  const startPeriod = nanos(check.startPeriod);
  return {
    Healthcheck: {
      Test: [...check.test],
      ...(interval === undefined ? {} : { Interval: interval }),
      ...(timeout === undefined ? {} : { Timeout: timeout }),
      ...(startPeriod === undefined ? {} : { StartPeriod: startPeriod }),
      Retries: check.retries,
    },
  };
}

/** Whether start has to wait until Docker calls the container healthy. */
export const hasHealthcheck = (test: readonly string[] | undefined): boolean =>
  test !== undefined && test.length > 0 && test[0] !== 'NONE';

interface HostPort {
  readonly target: number;
  readonly published: number;
  readonly protocol: string;
}

const ports = (task: Task): readonly HostPort[] =>
  (task.endpoint?.ports ?? task.endpoint?.spec?.ports ?? [])
    .filter((port) => port.publishMode === PortConfig_PublishMode.HOST)
    .map((port) => ({
      target: port.targetPort,
      published: port.publishedPort,
      protocol: PortConfig_Protocol[port.protocol]?.toLowerCase() ?? 'tcp',
    }));

const portKey = (port: HostPort): string => `${port.target}/${port.protocol}`;

function hostConfig(task: Task, spec: ContainerSpec, files: readonly FileMount[]) {
  const limits = task.spec?.resources?.limits;
  const reserved = task.spec?.resources?.reservations;
  const onHost = task.networks.some(({ network }) => network?.spec?.annotations?.name === 'host');
  return {
    ...(onHost ? { NetworkMode: 'host' } : {}),
    PortBindings: Object.fromEntries(
      ports(task).map((port) => [
        portKey(port),
        [{ HostPort: port.published === 0 ? '' : String(port.published) }],
      ]),
    ),
    Mounts: [
      ...spec.mounts.map(mount),
      ...files.map(({ source, target }) => ({
        Type: 'bind' as const,
        Target: target,
        Source: source,
        ReadOnly: true,
      })),
    ],
    ReadonlyRootfs: spec.readOnly,
    ...(spec.init === undefined ? {} : { Init: spec.init }),
    ...(limits && limits.nanoCpus > 0n ? { NanoCpus: Number(limits.nanoCpus) } : {}),
    ...(limits && limits.memoryBytes > 0n ? { Memory: Number(limits.memoryBytes) } : {}),
    ...(reserved && reserved.memoryBytes > 0n
      ? { MemoryReservation: Number(reserved.memoryBytes) }
      : {}),
    ...(spec.pidsLimit > 0n ? { PidsLimit: Number(spec.pidsLimit) } : {}),
    ExtraHosts: spec.hosts.map(extraHost),
    Dns: [...(spec.dnsConfig?.nameservers ?? [])],
    DnsSearch: [...(spec.dnsConfig?.search ?? [])],
    DnsOptions: [...(spec.dnsConfig?.options ?? [])],
    GroupAdd: [...spec.groups],
    CapAdd: [...spec.capabilityAdd],
    CapDrop: [...spec.capabilityDrop],
    Sysctls: { ...spec.sysctls },
    Ulimits: spec.ulimits.map(({ name, soft, hard }) => ({
      Name: name,
      Soft: Number(soft),
      Hard: Number(hard),
    })),
    OomScoreAdj: Number(spec.oomScoreAdj),
    // Tasks are replaced by the orchestrator, never restarted by the engine.
    RestartPolicy: { Name: '' },
  };
}

const mountTypes = {
  [Mount_Type.BIND]: 'bind',
  [Mount_Type.VOLUME]: 'volume',
  [Mount_Type.TMPFS]: 'tmpfs',
} as const;

function mount(one: Mount) {
  const type = mountTypes[one.type as keyof typeof mountTypes];
  if (type === undefined)
    throw new SwarmError(
      'failed-precondition',
      'DOCKER_UNSUPPORTED',
      `this executor cannot mount ${one.target}: only bind, volume and tmpfs mounts`,
    );
  const driver = one.volumeOptions?.driverConfig;
  return {
    Type: type,
    Target: one.target,
    Source: one.source,
    ReadOnly: one.readonly,
    ...(one.volumeOptions === undefined
      ? {}
      : {
          VolumeOptions: {
            NoCopy: one.volumeOptions.nocopy,
            Labels: { ...one.volumeOptions.labels },
            DriverConfig: { Name: driver?.name ?? '', Options: { ...driver?.options } },
          },
        }),
    ...(one.tmpfsOptions === undefined
      ? {}
      : {
          TmpfsOptions: {
            SizeBytes: Number(one.tmpfsOptions.sizeBytes),
            Mode: one.tmpfsOptions.mode,
          },
        }),
  };
}

/** The wire has `IP name` and Docker wants `name:IP`. */
function extraHost(line: string): string {
  const [address = '', name = ''] = line.trim().split(/\s+/);
  return name === '' ? line : `${name}:${address}`;
}
