import type { LogLine, TaskLogs } from '@swarmkit/sdk/contracts/log-sink';
import type { RpcConnection } from '@swarmkit/sdk/contracts/rpc';
import { timestampFromMs } from '@swarmkit/sdk/model/time';
import { isSwarmError, messageOf, SwarmError } from '@swarmkit/sdk/plugin/errors';
import type { Logger } from '@swarmkit/sdk/plugin/plugin';
import {
  LogBrokerService,
  LogMessage,
  LogStream,
  type PublishLogsMessage,
  type SubscriptionMessage,
} from '@swarmkit/sdk/wire/gen/swarmkit/logbroker';
import type { Task } from '@swarmkit/sdk/wire/gen/swarmkit/objects';
import { isSelected, logRequest } from '../core/log-request.js';
import { LineFunnel } from './line-funnel.js';

/**
 * Hands this node's task output to the manager's readers: hears what is wanted, reads the node's own
 * logs, and publishes only as fast as the manager takes.
 */

export interface LogPublisherParts {
  readonly nodeId: string;
  readonly logs: TaskLogs;
  readonly log: Logger;
  /** Tasks of this node now. */
  tasks(): readonly Task[];
  /** Calls back when a task was added; returns how to end that. */
  onTask(heard: () => void): () => void;
}

/** Lines that wait for the manager, for one subscription. */
const BOUND = 256;

export class LogPublisher {
  constructor(private readonly parts: LogPublisherParts) {}

  /** Until `signal` aborts; throws when the manager ends it. A manager without a log broker is no error. */
  async serve(connection: RpcConnection, signal: AbortSignal): Promise<void> {
    const open = new Map<string, AbortController>();
    try {
      const wanted = connection.serverStream(LogBrokerService.listenSubscriptions, {}, { signal });
      for await (const subscription of wanted) {
        const { id } = subscription;
        if (subscription.close) open.get(id)?.abort();
        // It may be told twice.
        if (subscription.close || open.has(id)) continue;
        const end = new AbortController();
        open.set(id, end);
        void this.publish(connection, subscription, AbortSignal.any([signal, end.signal])).finally(
          () => open.delete(id),
        );
      }
      throw new SwarmError(
        'unavailable',
        'AGENT_STREAM_ENDED',
        'the manager ended the subscriptions stream',
      );
    } catch (error) {
      if (!isSwarmError(error) || error.kind !== 'unimplemented') throw error;
      await aborted(signal);
    } finally {
      for (const end of open.values()) end.abort();
    }
  }

  private async publish(
    connection: RpcConnection,
    subscription: SubscriptionMessage,
    signal: AbortSignal,
  ): Promise<void> {
    try {
      await connection.clientStream(
        LogBrokerService.publishLogs,
        this.messages(subscription, signal),
        {
          signal,
        },
      );
    } catch (error) {
      // SwarmKit's manager ends the call without an answer; the reader may be gone as well.
      this.parts.log.debug(
        { subscription: subscription.id },
        `publishing logs ended: ${messageOf(error)}`,
      );
    }
  }

  private async *messages(
    { id: subscriptionId, selector, options }: SubscriptionMessage,
    signal: AbortSignal,
  ): AsyncGenerator<PublishLogsMessage> {
    // The first message tells which subscription this is about, also where nothing follows.
    yield { subscriptionId, messages: [], close: false };
    const funnel = new LineFunnel<LogMessage>(BOUND);
    const { read, skip } = logRequest(options);
    const reading = new Map<string, Promise<void>>();
    const ending = new AbortController();
    const until = AbortSignal.any([signal, ending.signal]);
    const begin = (): void => {
      for (const task of this.parts.tasks()) {
        if (selector === undefined || !isSelected(task, selector) || reading.has(task.id)) continue;
        reading.set(task.id, this.read(task, { ...read, signal: until }, skip, funnel));
      }
    };
    begin();
    const forget = read.follow === true ? this.parts.onTask(begin) : () => undefined;
    until.addEventListener('abort', () => funnel.end(), { once: true });
    if (read.follow !== true) void Promise.all(reading.values()).then(() => funnel.end());
    try {
      for (let lines = await funnel.take(); lines !== undefined; lines = await funnel.take())
        yield { subscriptionId, messages: lines, close: false };
      if (!signal.aborted) yield { subscriptionId, messages: [], close: true };
    } finally {
      forget();
      ending.abort();
    }
  }

  private async read(
    task: Task,
    options: Parameters<TaskLogs['read']>[1],
    skip: number,
    funnel: LineFunnel<LogMessage>,
  ): Promise<void> {
    try {
      let left = skip;
      for await (const line of this.parts.logs.read(task.id, options))
        if (left > 0) left -= 1;
        else await funnel.put(this.message(task, line));
    } catch (error) {
      this.parts.log.warn(
        { task: task.id, err: error },
        `the log of task ${task.id} cannot be read: ${messageOf(error)}`,
      );
    }
  }

  private message(task: Task, line: LogLine): LogMessage {
    return LogMessage.fromPartial({
      context: { serviceId: task.serviceId, nodeId: this.parts.nodeId, taskId: task.id },
      timestamp: timestampFromMs(line.at),
      stream: line.stream === 'stderr' ? LogStream.STDERR : LogStream.STDOUT,
      data: Buffer.concat([line.text, NEWLINE]),
    });
  }
}

const NEWLINE = Buffer.from('\n');

const aborted = (signal: AbortSignal): Promise<void> =>
  new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });
