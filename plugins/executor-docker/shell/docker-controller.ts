import type { Dependencies, Exit, TaskController } from '@swarmkit/sdk/contracts/executor';
import type { TaskLogs } from '@swarmkit/sdk/contracts/log-sink';
import {
  type DependencyFiles,
  type FileMount,
  hasDependencies,
} from '@swarmkit/sdk/executor/dependency-files';
import { durationToMs } from '@swarmkit/sdk/model/time';
import { type Clock, delay } from '@swarmkit/sdk/plugin/env';
import { isSwarmError, messageOf, SwarmError } from '@swarmkit/sdk/plugin/errors';
import type { Task } from '@swarmkit/sdk/wire/gen/swarmkit/objects';
import type { ContainerSpec } from '@swarmkit/sdk/wire/gen/swarmkit/specs';
import {
  ContainerStatus,
  PortConfig,
  PortConfig_Protocol,
  PortConfig_PublishMode,
  type PortStatus,
} from '@swarmkit/sdk/wire/gen/swarmkit/types';
import type { ContainerInspectInfo } from 'dockerode';
import {
  containerName,
  createOptions,
  hasHealthcheck,
  taskIdLabel,
} from '../core/create-options.js';
import type { Engine } from './engine.js';

export interface DockerControllerOptions {
  readonly engine: Engine;
  readonly clock: Clock;
  readonly files: DependencyFiles;
  readonly dependencies: Dependencies;
  readonly logs: TaskLogs;
  onHealth(taskId: string, healthy: boolean): void;
  onClose(): void;
}

const defaultGraceMs = 10_000;
/** How often health is looked at beside the engine's events. */
const lookMs = 500;

/** One task as a Docker container. The container is found by its name and label, so a new agent adopts it. */
export class DockerController implements TaskController {
  private following: AbortController | undefined;
  private followed: Promise<void> = Promise.resolve();
  private unhealthy = false;
  private wake = new AbortController();

  constructor(
    private readonly task: Task,
    private readonly spec: ContainerSpec,
    private readonly options: DockerControllerOptions,
  ) {}

  async update(): Promise<void> {
    // Nothing of an assigned task that may change concerns its container.
  }

  async prepare(signal: AbortSignal): Promise<'done' | 'already'> {
    signal.throwIfAborted();
    if (await this.inspect()) return 'already';
    await this.image(signal);
    signal.throwIfAborted();
    try {
      const files = await this.writeFiles();
      await this.options.engine.call((docker) =>
        docker.createContainer(createOptions(this.task, files)),
      );
      return 'done';
    } catch (error) {
      if (isSwarmError(error) && error.kind === 'already-exists' && (await this.inspect()))
        return 'already';
      throw error;
    }
  }

  async start(signal: AbortSignal): Promise<'done' | 'already'> {
    signal.throwIfAborted();
    const before = await this.mustInspect();
    const already = before.State.Status !== 'created';
    if (!already) {
      // The machine may have been restarted since they were written.
      if (hasDependencies(this.spec)) await this.writeFiles();
      await this.options.engine.call((docker) => docker.getContainer(before.Id).start());
      this.listen(before, 0);
    } else await this.adopt(before);
    if (hasHealthcheck(before.Config.Healthcheck?.Test)) await this.untilHealthy(signal);
    return already ? 'already' : 'done';
  }

  async wait(signal: AbortSignal): Promise<Exit> {
    signal.throwIfAborted();
    const { engine } = this.options;
    const container = await this.mustInspect();
    if (container.State.Running) await this.adopt(container);
    for (;;) {
      try {
        await engine.call((docker) =>
          docker.getContainer(container.Id).wait({ abortSignal: signal }),
        );
        break;
      } catch (error) {
        signal.throwIfAborted();
        if (!isSwarmError(error) || error.kind !== 'unavailable') throw error;
        // The engine is restarting; the container may well live on.
        await delay(this.options.clock, 1_000, signal);
      }
    }
    await this.followed;
    const { State: state } = await this.mustInspect();
    const reason = this.unhealthy
      ? 'unhealthy container'
      : state.OOMKilled
        ? 'out of memory'
        : state.Error || undefined;
    return { code: state.ExitCode, ...(reason === undefined ? {} : { reason }) };
  }

  async shutdown(signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    const graceMs = durationToMs(this.spec.stopGracePeriod) ?? defaultGraceMs;
    const container = await this.inspect();
    if (!container?.State.Running) return;
    // The engine counts in whole seconds, so the grace period is kept here.
    const stopSignal = this.spec.stopSignal || stopSignalOf(container) || 'SIGTERM';
    await this.kill(container.Id, stopSignal);
    const late = new AbortController();
    const either = AbortSignal.any([signal, late.signal]);
    const cancel = this.options.clock.after(graceMs, () => late.abort());
    try {
      await this.options.engine.call((docker) =>
        docker.getContainer(container.Id).wait({ abortSignal: either }),
      );
      return;
    } catch (error) {
      signal.throwIfAborted();
      if (!late.signal.aborted) throw error;
    } finally {
      cancel();
    }
    await this.terminate(signal);
  }

  async terminate(signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    const container = await this.inspect();
    if (!container?.State.Running) return;
    await this.kill(container.Id, 'SIGKILL');
    await this.options.engine.maybe((docker) =>
      docker.getContainer(container.Id).wait({ abortSignal: signal }),
    );
  }

  async remove(signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    const container = await this.inspect();
    this.following?.abort();
    if (container !== undefined)
      await this.options.engine.maybe((docker) =>
        docker.getContainer(container.Id).remove({ force: true, v: true }),
      );
    await this.followed;
    await this.options.files.remove(this.task.id);
    await this.options.logs.drop(this.task.id);
  }

  async containerStatus(): Promise<ContainerStatus | undefined> {
    const container = await this.inspect();
    if (container === undefined) return undefined;
    return ContainerStatus.create({
      containerId: container.Id,
      pid: container.State.Pid,
      exitCode: container.State.ExitCode,
    });
  }

  async portStatus(): Promise<PortStatus | undefined> {
    const bound = (await this.inspect())?.NetworkSettings.Ports ?? {};
    const ports = Object.entries(bound).flatMap(([key, bindings]) => {
      const [target = '0', protocol = 'tcp'] = key.split('/');
      const published = Number(bindings?.[0]?.HostPort ?? 0);
      if (published === 0) return [];
      return PortConfig.create({
        targetPort: Number(target),
        publishedPort: published,
        protocol: PortConfig_Protocol[protocol.toUpperCase() as 'TCP'],
        publishMode: PortConfig_PublishMode.HOST,
      });
    });
    return ports.length === 0 ? undefined : { ports };
  }

  close(): void {
    this.following?.abort();
    this.options.onClose();
  }

  /** The engine said something about this task's container. */
  async onEvent(action: string): Promise<void> {
    if (action.startsWith('health_status: unhealthy') && !this.unhealthy) {
      this.unhealthy = true;
      this.options.onHealth(this.task.id, false);
      await this.shutdown(new AbortController().signal);
    } else if (action.startsWith('health_status: healthy'))
      this.options.onHealth(this.task.id, true);
    this.wake.abort();
  }

  private writeFiles(): Promise<readonly FileMount[]> {
    const { files, dependencies } = this.options;
    return files.write(this.task.id, this.spec, dependencies);
  }

  private async image(signal: AbortSignal): Promise<void> {
    const { engine } = this.options;
    const reference = this.spec.image;
    if (await engine.maybe((docker) => docker.getImage(reference).inspect())) return;
    signal.throwIfAborted();
    try {
      await engine.pull(reference, registryAuth(this.spec));
    } catch (cause) {
      if (isSwarmError(cause) && cause.code === 'DOCKER_UNREACHABLE') throw cause;
      throw new SwarmError(
        'not-found',
        'DOCKER_NO_SUCH_IMAGE',
        `No such image: ${reference} (pull failed: ${messageOf(cause)})`,
        { cause },
      );
    }
  }

  private async inspect(): Promise<ContainerInspectInfo | undefined> {
    const name = containerName(this.task);
    const found = await this.options.engine.maybe((docker) => docker.getContainer(name).inspect());
    if (found !== undefined && found.Config.Labels[taskIdLabel] !== this.task.id)
      throw new SwarmError(
        'failed-precondition',
        'DOCKER_NAME_TAKEN',
        `the container name ${name} is taken by a container that is not this task's; remove it`,
      );
    return found;
  }

  private async mustInspect(): Promise<ContainerInspectInfo> {
    const container = await this.inspect();
    if (container === undefined)
      throw new SwarmError('not-found', 'DOCKER_DESTROYED', 'dockerexec: container destroyed');
    return container;
  }

  /** Takes up the output after the last line that was kept. */
  private async adopt(container: ContainerInspectInfo): Promise<void> {
    if (this.following !== undefined) return;
    let last = 0;
    for await (const line of this.options.logs.read(this.task.id, { tail: 1 })) last = line.at + 1;
    this.listen(container, last);
  }

  private listen(container: ContainerInspectInfo, since: number): void {
    if (this.following !== undefined) return;
    const following = new AbortController();
    this.following = following;
    const writer = this.options.logs.open(this.task.id);
    this.followed = this.options.engine
      .follow(container.Id, container.Config.Tty, since, writer, following.signal)
      .catch(() => undefined)
      .then(() => writer.close());
  }

  private async kill(id: string, signal: string): Promise<void> {
    await this.options.engine
      .maybe((docker) => docker.getContainer(id).kill({ signal }))
      .catch((error) => {
        // 409: it stopped between the look and the signal.
        if (!isSwarmError(error) || error.kind !== 'already-exists') throw error;
      });
  }

  private async untilHealthy(signal: AbortSignal): Promise<void> {
    for (;;) {
      this.wake = new AbortController();
      const container = await this.mustInspect();
      const health = container.State.Health?.Status;
      if (health === 'healthy') return;
      if (!container.State.Running || health === 'unhealthy' || this.unhealthy) {
        if (!container.State.Running && !this.unhealthy) return;
        await this.shutdown(signal);
        throw new SwarmError(
          'failed-precondition',
          'DOCKER_UNHEALTHY',
          'dockerexec: unhealthy container',
        );
      }
      await delay(this.options.clock, lookMs, AbortSignal.any([signal, this.wake.signal]));
      signal.throwIfAborted();
    }
  }
}

/** The image's own; the client's types do not have it. */
const stopSignalOf = (container: ContainerInspectInfo): string =>
  (container.Config as { readonly StopSignal?: string }).StopSignal ?? '';

/** Base64 JSON, as Docker's clients send it along with the service. */
function registryAuth(spec: ContainerSpec): object | undefined {
  const encoded = spec.pullOptions?.registryAuth ?? '';
  if (encoded === '') return undefined;
  try {
    return JSON.parse(Buffer.from(encoded, 'base64').toString()) as object;
  } catch {
    return undefined;
  }
}
