import { hostname } from 'node:os';
import type { Executor } from '@swarmkit/sdk/contracts/executor';
import type { IdentityNews, NodeIdentity } from '@swarmkit/sdk/contracts/identity';
import type { TaskLogs } from '@swarmkit/sdk/contracts/log-sink';
import type { RpcClient } from '@swarmkit/sdk/contracts/rpc';
import type { Storage } from '@swarmkit/sdk/contracts/storage';
import { parseGenericResources } from '@swarmkit/sdk/model/generic-resource-text';
import type { Env } from '@swarmkit/sdk/plugin/env';
import type { Logger } from '@swarmkit/sdk/plugin/plugin';
import {
  type GenericResource,
  type NodeDescription,
  Resources,
} from '@swarmkit/sdk/wire/gen/swarmkit/types';
import { ExecutorSet } from './executors.js';
import { LogPublisher } from './log-publisher.js';
import { NodeNews } from './node-news.js';
import { Reporter } from './reporter.js';
import { SessionLoop } from './session-loop.js';
import { TaskDatabase } from './task-database.js';
import { VerbSlots } from './verb-slots.js';
import { Worker } from './worker.js';

export interface AgentConfig {
  /** Default: the machine's. */
  readonly hostname?: string;
  /** What the node has of its own kinds, as `fpga=2,gpu=UUID1,gpu=UUID2`. Default: what its executors say. */
  readonly genericResources?: string;
  /** `host:port` of managers, for as long as none has told us of the others. */
  readonly managers?: readonly string[];
  /** Path of this node's own control socket, used while this node is a manager. */
  readonly controlSocket?: string;
  /** Tasks that may be prepared or started at once. */
  readonly heavyLimit?: number;
}

export interface AgentParts {
  readonly env: Env;
  readonly log: Logger;
  readonly config: AgentConfig;
  readonly identity: NodeIdentity;
  readonly identityNews: IdentityNews | undefined;
  readonly client: RpcClient;
  readonly storage: Storage;
  readonly executors: readonly Executor[];
  readonly logs: TaskLogs | undefined;
  run(where: string, work: () => Promise<void>): void;
}

export const defaultHeavyLimit = 4;

/** The agent's parts put together, and their beginning and end. */
export class Agent {
  private readonly executors: ExecutorSet;
  private readonly news: NodeNews;
  private readonly generic: readonly GenericResource[] | undefined;
  private readonly stopping = new AbortController();
  private database: TaskDatabase | undefined;
  private worker: Worker | undefined;
  private loop: SessionLoop | undefined;
  private looping: Promise<void> = Promise.resolve();

  constructor(private readonly parts: AgentParts) {
    const { genericResources } = parts.config;
    this.generic =
      genericResources === undefined ? undefined : parseGenericResources(genericResources);
    this.executors = new ExecutorSet(
      parts.executors,
      parts.log,
      parts.config.hostname ?? hostname(),
    );
    this.news = new NodeNews({
      log: parts.log,
      nodeId: parts.identity.current().nodeId,
      identity: parts.identityNews,
      executors: parts.executors,
    });
  }

  async start(): Promise<void> {
    const { env, log, config, identity, client, storage, run } = this.parts;
    const { clock } = env;
    this.database = await TaskDatabase.open(storage, clock, log);
    const reporter = new Reporter(clock);
    this.worker = new Worker({
      clock,
      log,
      nodeId: identity.current().nodeId,
      executors: this.executors,
      database: this.database,
      reporter,
      slots: new VerbSlots(config.heavyLimit ?? defaultHeavyLimit, clock),
      run,
    });
    await this.worker.resume();
    const { logs } = this.parts;
    const worker = this.worker;
    const loop = new SessionLoop({
      env,
      log,
      identity,
      client,
      database: this.database,
      reporter,
      worker,
      logs:
        logs &&
        new LogPublisher({
          nodeId: identity.current().nodeId,
          logs,
          log,
          tasks: () => worker.tasks,
          onTask: (heard) => worker.onTask(heard),
        }),
      news: this.news,
      controlSocket:
        config.controlSocket === undefined ? undefined : `unix:${config.controlSocket}`,
      managers: config.managers ?? [],
      describe: () => this.describe(),
    });
    this.loop = loop;
    this.looping = loop.run(this.stopping.signal);
    run('sessions', () => this.looping);
  }

  /** Certificate, role or roots are others than before. */
  onIdentity(): void {
    this.news.identityChanged();
    this.loop?.lookAgain();
  }

  onAvailable(): void {
    this.worker?.recovered();
    this.loop?.lookAgain();
  }

  /** For good: nothing is taken from managers any more, and all that runs is ended. False: not all of it. */
  async end(signal: AbortSignal): Promise<boolean> {
    this.stopping.abort();
    await this.looping.catch(() => undefined);
    return (await this.worker?.endAll(signal)) ?? false;
  }

  /** Lets go: containers run on, states are saved. */
  async stop(): Promise<void> {
    this.stopping.abort();
    await this.looping.catch(() => undefined);
    await this.worker?.stop();
    await this.database?.close();
  }

  private async describe(): Promise<NodeDescription> {
    const found = await this.executors.describe();
    const { rootsPem, issuerSubject, issuerPublicKey } = this.parts.identity.current();
    return {
      ...found,
      resources:
        this.generic === undefined
          ? found.resources
          : Resources.create({ ...found.resources, generic: this.generic }),
      tlsInfo: {
        trustRoot: Buffer.from(rootsPem),
        certIssuerSubject: Buffer.from(issuerSubject),
        certIssuerPublicKey: Buffer.from(issuerPublicKey),
      },
    };
  }
}
