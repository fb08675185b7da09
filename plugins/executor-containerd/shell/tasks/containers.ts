/**
 * Containers as containerd keeps them: the record with its labels and OCI specification, and the
 * snapshot beneath. The id of a container is the id of its task.
 * The record is made before the snapshot and goes after it began to go: containerd's garbage collector
 * keeps what a record names, so no lease is needed and a crash in between leaves nothing unfound.
 */
import { mkdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { FileMount } from '@swarmkit/sdk/executor/dependency-files';
import type { Env } from '@swarmkit/sdk/plugin/env';
import { SwarmError } from '@swarmkit/sdk/plugin/errors';
import type { Logger } from '@swarmkit/sdk/plugin/plugin';
import { ContainersService } from '@swarmkit/sdk/wire/gen/containerd/services/containers/v1/containers';
import { SnapshotsService } from '@swarmkit/sdk/wire/gen/containerd/services/snapshots/v1/snapshots';
import type { Mount } from '@swarmkit/sdk/wire/gen/containerd/types/mount';
import type { Task } from '@swarmkit/sdk/wire/gen/swarmkit/objects';
import type { ContainerSpec } from '@swarmkit/sdk/wire/gen/swarmkit/specs';
import { type ContainerRecord, readRecord, withRecord } from '../../core/container-record.js';
import { hostnameFile, hostsFile, resolvConf } from '../../core/container-files.js';
import { healthPlan } from '../../core/health.js';
import type { HostFacts } from '../../core/host-facts.js';
import { containerLabels, NODE_ID_LABEL, TASK_ID_LABEL } from '../../core/labels.js';
import { fileMount, planMounts, type PlannedMounts } from '../../core/mounts.js';
import { networkMode } from '../../core/network-mode.js';
import { containerHostname, ociSpec, serializeSpec } from '../../core/oci-spec.js';
import { signalNumber } from '../../core/signals.js';
import { resolveUser, type UserDatabase } from '../../core/user.js';
import type { ContainerdConnection } from '../containerd/connection.js';
import { isKind } from '../containerd/status.js';
import { readText } from '../host.js';
import type { LocalImage } from '../images/image-store.js';
import { readImageFiles } from '../images/layer-files.js';
import type { TaskFolder } from './task-folder.js';

export interface ContainersOptions {
  readonly snapshotter: string;
  readonly runtime: string;
  /** Folder of the named volumes. */
  readonly volumesDir: string;
  readonly host: HostFacts;
  readonly env: Env;
  readonly log: Logger;
}

const SPEC_TYPE = 'types.containerd.io/opencontainers/runtime-spec/1/Spec';
const DATABASES_BOUND = 256;

export class Containers {
  /** By chain id: a snapshot never changes. */
  private readonly databases = new Map<string, Promise<UserDatabase>>();

  constructor(
    private readonly containerd: ContainerdConnection,
    private readonly options: ContainersOptions,
  ) {}

  /** What an existing container's record says; undefined when there is none. */
  async load(id: string): Promise<ContainerRecord | undefined> {
    const found = await this.containerd.find(ContainersService.get, { id });
    const spec = found?.container?.spec;
    return spec === undefined ? undefined : readRecord(spec.value.toString('utf8'));
  }

  async create(
    task: Task,
    spec: ContainerSpec,
    image: LocalImage,
    folder: TaskFolder,
    files: readonly FileMount[],
  ): Promise<{ readonly record: ContainerRecord; readonly mounts: readonly Mount[] }> {
    const { host, log, snapshotter, runtime, volumesDir } = this.options;
    const id = task.id;
    const network = networkMode(task);
    const planned = planMounts(
      spec.mounts,
      (name) => join(volumesDir, name),
      folder.anonymousVolume,
    );
    const built = ociSpec({
      task,
      spec,
      containerId: id,
      image: image.config,
      user: resolveUser(
        spec.user || image.config.user,
        spec.groups,
        await this.users(image.chainId),
      ),
      network,
      mounts: [...planned.mounts, ...files.map(({ source, target }) => fileMount(source, target))],
      files: folder.files,
      host,
    });
    for (const warning of built.warnings) log.warn({ taskId: id }, warning);
    const hostname = containerHostname(spec, id, network, host);
    await folder.write({
      hosts: hostsFile(
        hostname,
        spec.hosts,
        network === 'host' ? readText('/etc/hosts') : undefined,
      ),
      hostname: hostnameFile(hostname),
      resolvConf: resolvConf(readText('/etc/resolv.conf'), spec.dnsConfig),
    });
    await provideSources(planned);
    const record = {
      process: built.spec.process,
      stopSignal: signalNumber(spec.stopSignal || image.config.stopSignal),
      health: healthPlan(spec.healthcheck, image.config.healthcheck),
    };
    const json = serializeSpec(withRecord(built.spec, record));
    await this.containerd.unary(ContainersService.create, {
      container: {
        id,
        labels: containerLabels(task, spec),
        image: image.name,
        runtime: { name: runtime, options: undefined },
        spec: { typeUrl: SPEC_TYPE, value: Buffer.from(json) },
        snapshotter,
        snapshotKey: id,
        createdAt: undefined,
        updatedAt: undefined,
        extensions: {},
        sandbox: '',
      },
    });
    return { record, mounts: await this.snapshot(id, image.chainId) };
  }

  /** Makes the snapshot, or finds it made. */
  async snapshot(id: string, parent: string): Promise<readonly Mount[]> {
    const { snapshotter } = this.options;
    try {
      const prepared = await this.containerd.unary(SnapshotsService.prepare, {
        snapshotter,
        key: id,
        parent,
        labels: {},
      });
      return prepared.mounts;
    } catch (error) {
      if (!isKind(error, 'already-exists')) throw error;
      return (await this.mounts(id)) ?? [];
    }
  }

  async mounts(id: string): Promise<readonly Mount[] | undefined> {
    const { snapshotter } = this.options;
    const found = await this.containerd.find(SnapshotsService.mounts, { snapshotter, key: id });
    return found?.mounts;
  }

  /** Record and snapshot; the process must be deleted before. */
  async remove(id: string): Promise<void> {
    const { snapshotter } = this.options;
    await Promise.all([
      this.containerd.find(SnapshotsService.remove, { snapshotter, key: id }),
      this.containerd.find(ContainersService.delete, { id }),
    ]);
  }

  /** Of all nodes that share this containerd, or of one. */
  async taskIds(nodeId?: string): Promise<readonly string[]> {
    const node = nodeId === undefined ? '' : `,labels."${NODE_ID_LABEL}"==${nodeId}`;
    const { containers } = await this.containerd.unary(ContainersService.list, {
      filters: [`labels."${TASK_ID_LABEL}"${node}`],
    });
    return containers.map((container) => container.labels[TASK_ID_LABEL] ?? container.id);
  }

  private users(chainId: string): Promise<UserDatabase> {
    const known = this.databases.get(chainId);
    if (known !== undefined) return known;
    const { snapshotter, env } = this.options;
    const reading = readImageFiles(
      this.containerd,
      { snapshotter, chainId },
      { passwd: '/etc/passwd', group: '/etc/group' },
      env,
    );
    if (this.databases.size >= DATABASES_BOUND) this.databases.clear();
    this.databases.set(chainId, reading);
    reading.catch(() => this.databases.delete(chainId));
    return reading;
  }
}

async function provideSources(planned: PlannedMounts): Promise<void> {
  for (const dir of planned.volumeDirs) await mkdir(dir, { recursive: true, mode: 0o755 });
  for (const { path, create } of planned.bindSources) {
    if (create) await mkdir(path, { recursive: true, mode: 0o755 });
    const found = await stat(path).catch(() => undefined);
    if (found === undefined)
      throw new SwarmError(
        'invalid-argument',
        'CONTAINERD_SPEC_INVALID',
        `invalid mount config for type "bind": bind source path does not exist: ${path}`,
      );
  }
}
