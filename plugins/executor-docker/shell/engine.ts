import type { TaskLogWriter } from '@swarmkit/sdk/contracts/log-sink';
import { type Clock, delay } from '@swarmkit/sdk/plugin/env';
import { isSwarmError } from '@swarmkit/sdk/plugin/errors';
import Docker from 'dockerode';
import { nodeIdLabel, taskIdLabel } from '../core/create-options.js';
import { engineError } from '../core/engine-error.js';
import { LogFrames } from '../core/log-frames.js';

/** What the event stream says of a container of ours. */
export interface EngineEvent {
  readonly action: string;
  readonly taskId: string;
}

/** The Docker engine: every call fails as a SwarmError, and the event stream finds its way back. */
export class Engine {
  readonly docker: Docker;

  constructor(
    readonly socket: string,
    private readonly clock: Clock,
  ) {
    this.docker = new Docker({ socketPath: socket });
  }

  async call<T>(work: (docker: Docker) => Promise<T>): Promise<T> {
    try {
      return await work(this.docker);
    } catch (cause) {
      throw isSwarmError(cause) ? cause : engineError(this.socket, cause);
    }
  }

  /** The same, where "not found" is an answer. */
  async maybe<T>(work: (docker: Docker) => Promise<T>): Promise<T | undefined> {
    try {
      return await this.call(work);
    } catch (error) {
      if (isSwarmError(error) && error.kind === 'not-found') return undefined;
      throw error;
    }
  }

  /** Pulls an image; resolves when it is there. `auth` is what the service brought along. */
  async pull(reference: string, auth: object | undefined): Promise<void> {
    const progress = await this.call((docker) =>
      docker.pull(reference, auth === undefined ? {} : { authconfig: auth }),
    );
    await this.call(
      (docker) =>
        new Promise<void>((resolve, reject) => {
          docker.modem.followProgress(progress, (error) => (error ? reject(error) : resolve()));
        }),
    );
  }

  /**
   * Copies a container's output into its log until it ends or `signal` aborts. `since` is wall clock, ms;
   * 0 means from the beginning.
   */
  async follow(
    containerId: string,
    tty: boolean,
    since: number,
    writer: TaskLogWriter,
    signal: AbortSignal,
  ): Promise<void> {
    const from = String(since / 1000);
    if (tty) {
      const source = await this.output(containerId, { since: from }, signal);
      await drained(source, (bytes) => writer.write('stdout', bytes));
      return;
    }
    const frames = new LogFrames();
    const read = async (since: string): Promise<void> => {
      const source = await this.output(containerId, { since, timestamps: true }, signal);
      await drained(source, (bytes) => {
        for (const message of frames.push(bytes)) writer.write(message.stream, message.bytes);
      });
    };
    await read(from);
    // An engine may end the stream of a container that ends without its last lines. In the container's
    // log they are, and that is complete when the container counts as stopped.
    await this.call((docker) => docker.getContainer(containerId).wait({ abortSignal: signal }));
    frames.again();
    await read(frames.place ?? from);
  }

  /** Ends by itself when the container does, or has. `since` is in seconds, with nanoseconds. */
  private output(
    containerId: string,
    options: { readonly since: string; readonly timestamps?: boolean },
    abortSignal: AbortSignal,
  ): Promise<NodeJS.ReadableStream> {
    return this.call((docker) =>
      docker.getContainer(containerId).logs({
        ...options,
        // The client's types want a number, which has no room for nanoseconds.
        since: options.since as unknown as number,
        follow: true,
        stdout: true,
        stderr: true,
        abortSignal,
      }),
    );
  }

  /** Calls back for every event of a task's container, and when the engine comes and goes, until `signal` aborts. */
  async events(
    onEvent: (event: EngineEvent) => void,
    onReachable: (reachable: boolean) => void,
    signal: AbortSignal,
  ): Promise<void> {
    while (!signal.aborted) {
      try {
        const source = await this.call((docker) =>
          docker.getEvents({
            filters: { type: ['container'], label: [taskIdLabel] },
            abortSignal: signal,
          }),
        );
        onReachable(true);
        let rest = '';
        await new Promise<void>((resolve) => {
          source.on('data', (bytes: Uint8Array) => {
            const lines = (rest + Buffer.from(bytes).toString()).split('\n');
            rest = lines.pop() ?? '';
            for (const line of lines) deliver(line, onEvent);
          });
          source.on('end', resolve);
          source.on('close', resolve);
          source.on('error', () => resolve());
        });
      } catch {
        // Not reachable: said below, and tried again.
      }
      if (signal.aborted) return;
      onReachable(false);
      await delay(this.clock, 1_000, signal);
    }
  }

  /** Containers of tasks of any node of ours on this engine, by task id. */
  async list(nodeId?: string): Promise<ReadonlyMap<string, string>> {
    const containers = await this.call((docker) =>
      docker.listContainers({
        all: true,
        filters: {
          label: nodeId === undefined ? [taskIdLabel] : [taskIdLabel, `${nodeIdLabel}=${nodeId}`],
        },
      }),
    );
    return new Map(containers.map(({ Id, Labels }) => [Labels[taskIdLabel] ?? '', Id]));
  }
}

/** Resolves when nothing more comes, whyever. */
const drained = (source: NodeJS.ReadableStream, take: (bytes: Uint8Array) => void): Promise<void> =>
  new Promise((resolve) => {
    source.on('data', take);
    source.on('end', resolve);
    source.on('close', resolve);
    source.on('error', () => resolve());
  });

function deliver(line: string, onEvent: (event: EngineEvent) => void): void {
  if (line.trim() === '') return;
  try {
    const event = JSON.parse(line) as {
      readonly Action?: string;
      readonly Actor?: { readonly Attributes?: Readonly<Record<string, string>> };
    };
    const taskId = event.Actor?.Attributes?.[taskIdLabel];
    if (taskId !== undefined) onEvent({ action: event.Action ?? '', taskId });
  } catch {
    // Half a line of a stream that broke: the next look at the container tells.
  }
}
