import { PassThrough } from 'node:stream';
import type { TaskLogWriter } from '@swarmkit/sdk/contracts/log-sink';
import { type Clock, delay } from '@swarmkit/sdk/plugin/env';
import { isSwarmError } from '@swarmkit/sdk/plugin/errors';
import Docker from 'dockerode';
import { nodeIdLabel, taskIdLabel } from '../core/create-options.js';
import { engineError } from '../core/engine-error.js';

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

  /** Copies a container's output into its log until it ends or `signal` aborts. */
  async follow(
    containerId: string,
    tty: boolean,
    since: number,
    writer: TaskLogWriter,
    signal: AbortSignal,
  ): Promise<void> {
    const source = await this.call((docker) =>
      docker.getContainer(containerId).logs({
        follow: true,
        stdout: true,
        stderr: true,
        since: since / 1000,
        abortSignal: signal,
      }),
    );
    const output = { stdout: new PassThrough(), stderr: new PassThrough() };
    output.stdout.on('data', (bytes: Uint8Array) => writer.write('stdout', bytes));
    output.stderr.on('data', (bytes: Uint8Array) => writer.write('stderr', bytes));
    if (tty) source.pipe(output.stdout, { end: false });
    else this.docker.modem.demuxStream(source, output.stdout, output.stderr);
    await new Promise<void>((resolve) => {
      source.on('end', resolve);
      source.on('close', resolve);
      source.on('error', () => resolve());
    });
    // What was cut out of the last frames may still be on its way to the log.
    for (const stream of Object.values(output)) {
      const passed = new Promise((resolve) => stream.on('end', resolve));
      stream.end();
      await passed;
    }
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
