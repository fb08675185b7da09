import assert from 'node:assert/strict';
import path from 'node:path';
import { after, before, it } from 'node:test';
import { realEnv } from '@swarmkit/kernel/env';
import { Host } from '@swarmkit/kernel/host';
import { createLogger } from '@swarmkit/kernel/log';
import ca from '@swarmkit/plugin-ca/plugin';
import raft from '@swarmkit/plugin-raft/plugin';
import rpc from '@swarmkit/plugin-rpc/plugin';
import storageMemory from '@swarmkit/plugin-storage-memory/plugin';
import store from '@swarmkit/plugin-store/plugin';
import watchApi from '@swarmkit/plugin-watch-api/plugin';
import { connectControlSocket } from '@swarmkit/sdk/client/connection';
import { Store } from '@swarmkit/sdk/contracts/store';
import { isSwarmError } from '@swarmkit/sdk/plugin/errors';
import { definePlugin, type PluginManifest } from '@swarmkit/sdk/plugin/plugin';
import { aService } from '@swarmkit/sdk/testkit/fixtures';
import {
  type WatchMessage,
  WatchRequest,
  WatchService,
} from '@swarmkit/sdk/wire/gen/swarmkit/watch';
import { Cleanup } from '../harness/cleanup.js';
import { until } from '../harness/until.js';

// The Watch API over a real connection, on a real store and log: what is written is seen once and in order,
// by whoever watches live and by whoever comes back.

const cleanup = new Cleanup();
const user = { id: 'test', writes: ['any'] } as const;
let socket = '';
let opened: Store | undefined;

before(async () => {
  const dir = cleanup.folder();
  socket = path.join(dir, 'swarmd.sock');
  const window = definePlugin({
    id: 'window',
    version: '1.0.0',
    scope: 'manager',
    requires: [Store],
    start(ctx) {
      opened = ctx.get(Store);
    },
  });
  const host = new Host({
    plugins: [
      ca,
      rpc,
      storageMemory,
      raft,
      store,
      watchApi,
      window,
    ] as readonly unknown[] as readonly PluginManifest[],
    config: {
      ca: { dir: path.join(dir, 'certificates'), managersFile: path.join(dir, 'state.json') },
      rpc: { controlSocket: socket },
    },
    env: realEnv,
    log: createLogger('silent'),
  });
  await host.start();
  cleanup.add('host', () => host.stop());
  await host.settled();
});
after(() => cleanup.run());

const create = (name: string): Promise<bigint> =>
  until('it is written', async () => {
    assert.ok(opened);
    await opened.update(user, (draft) =>
      draft.create('service', aService({ id: name, spec: { annotations: { name } } })),
    );
    return opened.view().index;
  });

const services = (more: object = {}): WatchRequest =>
  WatchRequest.fromPartial({
    entries: [{ kind: 'service', action: 7 as number, filters: [] }],
    ...more,
  });

const idsOf = ({ events }: WatchMessage): readonly unknown[] =>
  events.map(({ object }) => object?.Object?.value.id);

it('what is written is seen by who watches, and by who comes back', async () => {
  const link = connectControlSocket(socket);
  cleanup.add('connection', () => link.close());
  const live = link.serverStream(WatchService.watch, services())[Symbol.asyncIterator]();
  const next = async (stream: typeof live): Promise<WatchMessage> => {
    const { value } = await stream.next();
    assert.ok(value);
    return value;
  };
  assert.deepEqual(idsOf(await next(live)), [], 'ready');
  const names = ['a', 'b', 'c'];
  for (const name of names) await create(name);
  const seen = [await next(live), await next(live), await next(live)];
  assert.deepEqual(seen.map(idsOf), [['a'], ['b'], ['c']]);

  const resumeFrom = seen[0]?.version;
  assert.ok(resumeFrom);
  const back = link
    .serverStream(WatchService.watch, services({ resumeFrom }))
    [Symbol.asyncIterator]();
  assert.deepEqual(idsOf(await next(back)), []);
  assert.deepEqual(idsOf(await next(back)), ['b']);
  assert.deepEqual(idsOf(await next(back)), ['c']);
  await create('d');
  assert.deepEqual(idsOf(await next(back)), ['d']);

  const ahead = services({ resumeFrom: { index: 1_000_000n } });
  await assert.rejects(
    link.serverStream(WatchService.watch, ahead)[Symbol.asyncIterator]().next(),
    (error) => isSwarmError(error) && error.kind === 'unknown',
  );
  const nothing = WatchRequest.fromPartial({ entries: [{ kind: '' }] });
  await assert.rejects(
    link.serverStream(WatchService.watch, nothing)[Symbol.asyncIterator]().next(),
    (error) => isSwarmError(error) && error.kind === 'invalid-argument',
  );
});
