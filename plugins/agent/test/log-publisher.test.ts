import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { eventually } from '@swarmkit/sdk/testkit/eventually';
import { aTask } from '@swarmkit/sdk/testkit/fixtures';
import { LoopbackNetwork } from '@swarmkit/sdk/testkit/loopback-rpc';
import { MemoryTaskLogs } from '@swarmkit/sdk/testkit/memory-task-logs';
import { VirtualClock } from '@swarmkit/sdk/testkit/virtual-env';
import {
  LogBrokerService,
  LogSelector,
  LogSubscriptionOptions,
  type PublishLogsMessage,
  PublishLogsResponse,
  type SubscriptionMessage,
} from '@swarmkit/sdk/wire/gen/swarmkit/logbroker';
import type { Task } from '@swarmkit/sdk/wire/gen/swarmkit/objects';
import { logRequest } from '../core/log-request.js';
import { LogPublisher } from '../shell/log-publisher.js';

const quiet = { debug() {}, info() {}, warn() {}, error() {} };

/** A manager that asks for logs and keeps what it is sent, and a node with tasks. */
function world() {
  const network = new LoopbackNetwork(new VirtualClock(0));
  const server = network.server('m:4242');
  const logs = new MemoryTaskLogs();
  const tasks: Task[] = [];
  const heard = new Set<() => void>();
  const published: { texts: string[]; ids: Set<string>; closed: boolean }[] = [];
  let ask: (message: SubscriptionMessage) => Promise<void> = async () => undefined;
  server.mount({
    definition: LogBrokerService,
    expose: ['remote'],
    handlers: {
      listenSubscriptions: {
        serverStream: (_request, call, send) => {
          ask = send;
          return new Promise((resolve) => call.signal.addEventListener('abort', () => resolve()));
        },
      },
      publishLogs: {
        clientStream: async (requests: AsyncIterable<PublishLogsMessage>) => {
          const stream = { texts: [] as string[], ids: new Set<string>(), closed: false };
          published.push(stream);
          for await (const message of requests) {
            stream.ids.add(message.subscriptionId);
            for (const { data, context } of message.messages) {
              assert.equal(context?.nodeId, 'n1');
              stream.texts.push(String(data));
            }
            stream.closed ||= message.close;
          }
          return PublishLogsResponse.create();
        },
      },
    },
  });
  const publisher = new LogPublisher({
    nodeId: 'n1',
    logs,
    log: quiet as never,
    tasks: () => tasks,
    onTask: (listener) => {
      heard.add(listener);
      return () => heard.delete(listener);
    },
  });
  const stop = new AbortController();
  const serving = publisher.serve(network.client({ nodeId: 'n1' }).connect('m:4242'), stop.signal);
  serving.catch(() => undefined);
  return {
    published,
    heard,
    serving,
    stop: () => stop.abort(),
    say: (id: string, text: string) => logs.open(id).write('stdout', Buffer.from(text)),
    add(id: string, serviceId: string) {
      tasks.push(aTask({ id, serviceId, nodeId: 'n1' }));
      for (const listener of heard) listener();
    },
    ask: (
      id: string,
      selector: Partial<LogSelector>,
      options: Partial<LogSubscriptionOptions>,
      close = false,
    ) =>
      ask({
        id,
        selector: LogSelector.fromPartial(selector),
        options: LogSubscriptionOptions.fromPartial(options),
        close,
      }),
  };
}

describe('log publisher', () => {
  it('publishes what its tasks said and closes', async () => {
    const { add, say, ask, published, stop } = world();
    add('t1', 's');
    add('t2', 'other');
    say('t1', 'a\nb\n');
    say('t2', 'not asked for\n');
    await eventually('asked', async () => {
      await ask('sub', { serviceIds: ['s'] }, {});
      return published.length > 0;
    });
    await eventually('closed', () => published[0]?.closed === true);
    assert.deepEqual(published[0]?.texts, ['a\n', 'b\n']);
    assert.deepEqual([...(published[0]?.ids ?? [])], ['sub']);
    stop();
  });

  it('follows tasks that come later, is told twice without publishing twice, and ends when told', async () => {
    const { add, say, ask, published, heard, stop } = world();
    await eventually('asked', async () => {
      await ask('sub', { serviceIds: ['s'] }, { follow: true });
      return published.length > 0;
    });
    await ask('sub', { serviceIds: ['s'] }, { follow: true });
    add('t1', 's');
    say('t1', 'late\n');
    await eventually('said', () => published[0]?.texts.includes('late\n') === true);
    assert.equal(published.length, 1);
    await ask('sub', {}, {}, true);
    await eventually('forgotten', () => heard.size === 0);
    stop();
  });

  it('a manager without a log broker is no error', async () => {
    const network = new LoopbackNetwork(new VirtualClock(0));
    network.server('m:4242');
    const stop = new AbortController();
    const publisher = new LogPublisher({
      nodeId: 'n1',
      logs: new MemoryTaskLogs(),
      log: quiet as never,
      tasks: () => [],
      onTask: () => () => undefined,
    });
    let ended = false;
    const serving = publisher
      .serve(network.client({ nodeId: 'n1' }).connect('m:4242'), stop.signal)
      .then(() => {
        ended = true;
      });
    for (let i = 0; i < 100; i++) await Promise.resolve();
    assert.equal(ended, false);
    stop.abort();
    await serving;
  });

  it('reads tail as the wire means it', () => {
    const of = (tail: bigint) => {
      const { read, skip } = logRequest(LogSubscriptionOptions.fromPartial({ tail }));
      return [read.tail, skip];
    };
    assert.deepEqual(of(0n), [undefined, 0]);
    assert.deepEqual(of(-1n), [0, 0]);
    assert.deepEqual(of(-11n), [10, 0]);
    assert.deepEqual(of(3n), [undefined, 3]);
  });
});
