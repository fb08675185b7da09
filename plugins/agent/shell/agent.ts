import type { Executor } from '@swarmkit/sdk/contracts/executor';
import type { NodeIdentity } from '@swarmkit/sdk/contracts/identity';
import type { RpcClient } from '@swarmkit/sdk/contracts/rpc';
import type { Storage } from '@swarmkit/sdk/contracts/storage';
import { delay, type Env } from '@swarmkit/sdk/plugin/env';
import { messageOf } from '@swarmkit/sdk/plugin/errors';
import type { Logger } from '@swarmkit/sdk/plugin/plugin';
import { nextBackoffMs, waitMs } from '../core/backoff.js';
import {
  chooseManager,
  type KnownManager,
  listed,
  observe,
  relist,
  sessionClosed,
} from '../core/manager-choice.js';
import { describeNode } from './description.js';
import { Reporter } from './reporter.js';
import { runSession } from './session.js';
import { TaskDatabase } from './task-database.js';
import { Worker } from './worker.js';

export interface AgentConfig {
  readonly hostname?: string;
  /** Path of the control socket of a manager on this node. */
  readonly controlSocket?: string;
  /** Addresses of managers to begin with. */
  readonly managers?: readonly string[];
}

export interface AgentOptions {
  readonly env: Env;
  readonly log: Logger;
  readonly config: AgentConfig;
  readonly identity: NodeIdentity;
  readonly client: RpcClient;
  readonly storage: Storage;
  readonly executors: readonly Executor[];
  run(where: string, work: () => Promise<void>): void;
}

/** Keeps a session with some manager, and tasks running whether there is one or not. */
export class Agent {
  private readonly reporter = new Reporter();
  private readonly stopping = new AbortController();
  private worker: Worker | undefined;
  private database: TaskDatabase | undefined;
  private managers: readonly KnownManager[];
  private sessionId = '';
  private done: Promise<void> = Promise.resolve();
  /** Ends the present session; the certificate changed. */
  private renew = new AbortController();

  constructor(private readonly options: AgentOptions) {
    this.managers = (options.config.managers ?? []).map((address) => ({
      nodeId: '',
      address,
      weight: listed,
    }));
  }

  async start(): Promise<void> {
    const { env, log, storage, executors, identity, run } = this.options;
    this.database = new TaskDatabase(await storage.open('agent'));
    this.worker = new Worker({
      clock: env.clock,
      log,
      nodeId: identity.current().nodeId,
      executors,
      database: this.database,
      report: (taskId, status) => this.reporter.add(taskId, status),
      run,
    });
    await this.worker.start();
    this.done = this.loop(this.worker);
    run('sessions', () => this.done);
  }

  async stop(): Promise<void> {
    this.stopping.abort();
    await this.done.catch(() => undefined);
    await this.worker?.stop();
    await this.database?.close();
  }

  onIdentity(): void {
    this.renew.abort();
  }

  private async loop(worker: Worker): Promise<void> {
    const { env, log } = this.options;
    const { signal } = this.stopping;
    let backoff = 0;
    let said = '';
    while (!signal.aborted) {
      const address = this.chooseAddress();
      this.renew = new AbortController();
      try {
        if (address !== undefined)
          await this.session(worker, address, () => {
            backoff = 0;
            said = '';
            log.info({ manager: address }, 'registered with a manager');
          });
      } catch (error) {
        if (signal.aborted) return;
        // Once a cause, not once a try: a manager may be away for hours.
        if (said !== messageOf(error)) {
          said = messageOf(error);
          log.info({ manager: address }, `session ended: ${said}`);
        }
        if (address !== undefined) this.managers = observe(this.managers, address, sessionClosed);
      }
      backoff = nextBackoffMs(backoff);
      await delay(env.clock, waitMs(backoff, env.random.next()), signal);
    }
  }

  private async session(worker: Worker, address: string, onRegistered: () => void): Promise<void> {
    const { client, env, identity, executors, config } = this.options;
    const connection = client.connect(address);
    try {
      await runSession(
        {
          clock: env.clock,
          connection,
          reporter: this.reporter,
          describe: () => describeNode(executors, identity.current(), config.hostname),
          onRegistered: (sessionId) => {
            this.sessionId = sessionId;
            for (const [taskId, status] of worker.statuses()) this.reporter.add(taskId, status);
            onRegistered();
          },
          onMessage: (message) => {
            this.managers = relist(
              this.managers,
              message.managers.map(({ peer }) => ({
                nodeId: peer?.nodeId ?? '',
                address: peer?.addr ?? '',
              })),
            );
          },
          onAssignments: (plan) => worker.apply(plan),
        },
        this.sessionId,
        AbortSignal.any([this.stopping.signal, this.renew.signal]),
      );
    } finally {
      connection.close();
    }
  }

  /** A manager on this node is asked through its socket, which needs no certificate and no network. */
  private chooseAddress(): string | undefined {
    const { identity, config, env } = this.options;
    if (config.controlSocket !== undefined && identity.current().role === 'manager')
      return `unix:${config.controlSocket}`;
    return chooseManager(this.managers, env.random.next())?.address;
  }
}
