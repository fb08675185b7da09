import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readBackup, writeBackup } from '@swarmkit/sdk/model/backup-file';
import { FakeStore } from '@swarmkit/sdk/testkit/fake-store';
import { BackupHead } from '@swarmkit/sdk/wire/gen/node/backup';
import { Config, Secret } from '@swarmkit/sdk/wire/gen/swarmkit/objects';
import { StoreSnapshot } from '@swarmkit/sdk/wire/gen/swarmkit/snapshot';
import { slices } from '../core/slices.js';

const WRITER = { id: 'test', writes: ['any'] } as const;
const head = BackupHead.create({ clusterId: 'c', nodeId: 'n', index: 9n, term: 2n });
const random = (count: number): Uint8Array => new Uint8Array(count).fill(5);
const state = Buffer.from('the whole state');

test('slices together are the state, and none is larger than a message may be', async () => {
  const store = new FakeStore();
  await store.update(WRITER, (draft) => {
    for (let at = 0; at < 250; at++) {
      const spec = { annotations: { name: `c${at}` }, data: Buffer.alloc(20_000, at) };
      draft.create('config', Config.fromPartial({ id: `id${at}`, spec }));
    }
    draft.create('secret', Secret.fromPartial({ id: 's', spec: { data: Buffer.from('x') } }));
  });
  const all = [...slices(store.view())];
  assert.ok(Math.max(...all.map((one) => one.length)) < 2 * 1024 * 1024);
  const { configs, secrets } = StoreSnapshot.decode(Buffer.concat(all));
  assert.deepEqual([configs.length, secrets.length], [250, 1]);
});

for (const passphrase of [undefined, 'correct horse'])
  test(`a file ${passphrase ? 'with' : 'without'} a passphrase is read again, and refused as a whole when it is not whole`, () => {
    const file = writeBackup({ head, store: state }, passphrase, random);
    const back = readBackup(file, passphrase);
    assert.deepEqual(back.head, head);
    assert.deepEqual(Buffer.from(back.store), state);
    assert.equal(file.includes(state), passphrase === undefined);
    for (const cut of [0, 10, 40, file.length - 1])
      assert.throws(() => readBackup(file.subarray(0, cut), passphrase), /backup|passphrase/);
    for (const at of [0, 18, 60, file.length - 1]) {
      const damaged = Buffer.from(file);
      damaged[at] = (damaged[at] ?? 0) ^ 1;
      assert.throws(() => readBackup(damaged, passphrase), /backup|passphrase/);
    }
  });

test('a sealed file takes its passphrase', () => {
  const file = writeBackup({ head, store: state }, 'a', random);
  assert.throws(() => readBackup(file, undefined), { code: 'BACKUP_PASSPHRASE' });
  assert.throws(() => readBackup(file, 'b'), { code: 'BACKUP_PASSPHRASE' });
});
