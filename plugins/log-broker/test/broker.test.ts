import assert from 'node:assert/strict';
import { beforeEach, describe, it } from 'node:test';
import type { Call } from '@swarmkit/sdk/contracts/rpc';
import { eventually } from '@swarmkit/sdk/testkit/eventually';
import { FakeStore } from '@swarmkit/sdk/testkit/fake-store';
import { aNode, aTask } from '@swarmkit/sdk/testkit/fixtures';
import { VirtualEnv } from '@swarmkit/sdk/testkit/virtual-env';
import {
  LogMessage,
  LogSelector,
  LogSubscriptionOptions,
  type PublishLogsMessage,
  type SubscriptionMessage,
} from '@swarmkit/sdk/wire/gen/swarmkit/logbroker';
import { TaskState } from '@swarmkit/sdk/wire/gen/swarmkit/types';
import { LogBroker } from '../shell/broker.js';

const anybody = { id: 'test', writes: ['any'] } as const;

function callOf(nodeId: string, signal = new AbortController().signal): Call {
  return {
    path: '',
    exposure: 'remote',
    peer: { nodeId, clusterId: 'c', role: 'worker', address: '' },
    signal,
    metadata: new Map(),
  };
}

const said = (nodeId: string, text: string): LogMessage =>
  LogMessage.fromPartial({
    context: { nodeId, taskId: 't', serviceId: 's' },
    data: Buffer.from(text),
  });

describe('log broker', () => {
  let store: FakeStore;
  let broker: LogBroker;

  beforeEach(async () => {
    store = new FakeStore();
    broker = new LogBroker(store, new VirtualEnv('logs'));
    store.commits$.subscribe((commit) => broker.onCommit(commit));
    await store.update(anybody, (draft) => {
      for (const id of ['n1', 'n2']) draft.create('node', aNode({ id }));
      task('t1', 'n1', TaskState.RUNNING, draft);
      task('t2', 'n2', TaskState.RUNNING, draft);
    });
  });

  const task = (
    id: string,
    nodeId: string,
    state: TaskState,
    draft: Parameters<Parameters<FakeStore['update']>[1]>[0],
  ) => draft.create('task', aTask({ id, nodeId, serviceId: 's', status: { state } }));

  /** A node that listens; what it heard. */
  function listen(nodeId: string): { heard: SubscriptionMessage[]; leave(): void } {
    const heard: SubscriptionMessage[] = [];
    const gone = new AbortController();
    void broker.listen(callOf(nodeId, gone.signal), async (message) => {
      heard.push(message);
    });
    return { heard, leave: () => gone.abort() };
  }

  /** A reader; what it was sent, and how it ended. */
  function subscribe(
    selector: Partial<LogSelector>,
    options: Partial<LogSubscriptionOptions> = {},
  ) {
    const lines: string[] = [];
    const leave = new AbortController();
    const reader = {
      lines,
      leave: () => leave.abort(),
      end: undefined as string | undefined,
    };
    broker
      .subscribe(
        {
          selector: LogSelector.fromPartial(selector),
          options: LogSubscriptionOptions.fromPartial(options),
        },
        callOf('reader', leave.signal),
        async ({ messages }) => {
          for (const { data } of messages) lines.push(String(data));
        },
      )
      .then(
        () => {
          reader.end = 'ok';
        },
        (error: Error) => {
          reader.end = error.message;
        },
      );
    return reader;
  }

  const publish = (nodeId: string, ...messages: PublishLogsMessage[]) =>
    broker.publish(
      (async function* () {
        yield* messages;
      })(),
      callOf(nodeId),
    );

  const close = (subscriptionId: string): PublishLogsMessage => ({
    subscriptionId,
    messages: [],
    close: true,
  });

  const lines = (
    subscriptionId: string,
    nodeId: string,
    ...texts: string[]
  ): PublishLogsMessage => ({
    subscriptionId,
    messages: texts.map((text) => said(nodeId, text)),
    close: false,
  });

  it('asks every node that has tasks of the service, and ends when all are done', async () => {
    const [one, two] = [listen('n1'), listen('n2')];
    const reader = subscribe({ serviceIds: ['s'] });
    await eventually('both are asked', () => one.heard.length + two.heard.length === 2);
    const id = one.heard[0]?.id ?? '';
    assert.equal(two.heard[0]?.id, id);
    await publish('n1', lines(id, 'n1', 'a', 'b'), close(id));
    assert.equal(reader.end, undefined);
    await publish('n2', lines(id, 'n2', 'c'), close(id));
    await eventually('it ends', () => reader.end !== undefined);
    assert.equal(reader.end, 'ok');
    assert.deepEqual(reader.lines, ['a', 'b', 'c']);
    await eventually('nodes hear that it is over', () => one.heard.at(-1)?.close === true);
  });

  it('says which nodes and tasks are missing, and gives what there is', async () => {
    await store.update(anybody, (draft) => {
      draft.create(
        'task',
        aTask({ id: 't3', nodeId: '', serviceId: 's2', status: { state: TaskState.PENDING } }),
      );
    });
    const one = listen('n1');
    const reader = subscribe({ serviceIds: ['s'], taskIds: ['t3'] });
    await eventually('asked', () => one.heard.length === 1);
    await publish('n1', lines(one.heard[0]?.id ?? '', 'n1', 'a'), close(one.heard[0]?.id ?? ''));
    await eventually('it ends', () => reader.end !== undefined);
    assert.deepEqual(reader.lines, ['a']);
    assert.equal(
      reader.end,
      'warning: incomplete log stream. some logs could not be retrieved for the following reasons: node n2 is not available, task t3 has not been scheduled',
    );
  });

  it('a node that leaves in the middle is a warning', async () => {
    const one = listen('n1');
    const reader = subscribe({ nodeIds: ['n1'] });
    await eventually('asked', () => one.heard.length === 1);
    one.leave();
    await eventually('it ends', () => reader.end !== undefined);
    assert.match(reader.end ?? '', /reasons: node n1 disconnected unexpectedly$/);
  });

  it('leaves out tasks that never ran, unless it follows', async () => {
    await store.update(anybody, (draft) => {
      draft.create(
        'task',
        aTask({ id: 't9', nodeId: 'n9', serviceId: 's9', status: { state: TaskState.READY } }),
      );
    });
    const nine = listen('n9');
    const reader = subscribe({ serviceIds: ['s9'] });
    await eventually('it ends', () => reader.end !== undefined);
    assert.equal(reader.end, 'ok');
    assert.deepEqual(nine.heard, []);
    subscribe({ serviceIds: ['s9'] }, { follow: true });
    await eventually('asked', () => nine.heard.length === 1);
  });

  it('follows to nodes that get a task later, and to nodes that come back', async () => {
    const reader = subscribe({ serviceIds: ['s'] }, { follow: true });
    const three = listen('n3');
    await store.update(anybody, (draft) => task('t3', 'n3', TaskState.ASSIGNED, draft));
    await eventually('asked', () => three.heard.length === 1);
    const id = three.heard[0]?.id ?? '';
    await assert.rejects(
      broker.publish(
        (async function* () {
          yield lines(id, 'n3', 'x');
          throw new Error('the line broke');
        })(),
        callOf('n3'),
      ),
      /the line broke/,
    );
    three.leave();
    const again = listen('n3');
    await eventually('asked again', () => again.heard.length === 1);
    await publish('n3', lines(id, 'n3', 'y'));
    assert.deepEqual(reader.lines, ['x', 'y']);
    assert.equal(reader.end, undefined);
    reader.leave();
    await eventually('it ends', () => reader.end !== undefined);
    assert.equal(reader.end, 'ok');
    await eventually('the node hears', () => again.heard.at(-1)?.close === true);
  });

  it('refuses what SwarmKit refuses, with its texts', async () => {
    const none = broker.subscribe(
      { selector: undefined, options: undefined },
      callOf('r'),
      async () => undefined,
    );
    await assert.rejects(none, {
      kind: 'invalid-argument',
      message: 'log selector must be provided',
    });
    const empty = subscribe({});
    await eventually('it ends', () => empty.end !== undefined);
    assert.equal(empty.end, 'log selector must not be empty');
    const one = listen('n1');
    subscribe({ serviceIds: ['s'] }, { follow: true });
    await eventually('asked', () => one.heard.length === 1);
    const id = one.heard[0]?.id ?? '';
    await assert.rejects(publish('n1', lines('', 'n1')), {
      kind: 'invalid-argument',
      message: 'missing subscription ID',
    });
    await assert.rejects(publish('n1', lines('nobody', 'n1')), {
      kind: 'not-found',
      message: 'unknown subscription ID',
    });
    await assert.rejects(publish('n1', lines(id, 'n1'), lines('other', 'n1')), {
      kind: 'invalid-argument',
      message: 'different subscription IDs in the same session',
    });
    await assert.rejects(publish('n1', lines(id, 'n2', 'forged')), {
      kind: 'permission-denied',
      message: 'invalid NodeID: expected=n1;received=n2',
    });
  });

  it('reads a publisher no faster than the reader takes', async () => {
    const one = listen('n1');
    let open: () => void = () => undefined;
    const gate = new Promise<void>((resolve) => {
      open = resolve;
    });
    void broker.subscribe(
      {
        selector: LogSelector.fromPartial({ nodeIds: ['n1'] }),
        options: LogSubscriptionOptions.fromPartial({ follow: true }),
      },
      callOf('reader'),
      () => gate,
    );
    await eventually('asked', () => one.heard.length === 1);
    const id = one.heard[0]?.id ?? '';
    let read = 0;
    const published = broker.publish(
      (async function* () {
        for (let i = 0; i < 100; i++) {
          read += 1;
          yield lines(id, 'n1', `${i}`);
        }
      })(),
      callOf('n1'),
    );
    for (let i = 0; i < 50; i++) await Promise.resolve();
    assert.equal(read, 1);
    open();
    await published;
    assert.equal(read, 100);
  });
});
