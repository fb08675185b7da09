import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, test } from 'node:test';
import { unlockKeyText } from '@swarmkit/sdk/model/unlock-key';
import { VirtualEnv } from '@swarmkit/sdk/testkit/virtual-env';
import { Authority } from '../shell/authority.js';
import { OfflineIdentity } from '../shell/offline-identity.js';

const folder = mkdtempSync(path.join(tmpdir(), 'swk-offline-'));
after(() => rmSync(folder, { recursive: true, force: true }));

const env = new VirtualEnv('offline');
const nothing = (): void => undefined;
const log = { debug: nothing, info: nothing, warn: nothing, error: nothing };
const kek = new Uint8Array(32).fill(9);

test('an identity is made for a cluster whose root is at hand, and opened again with its key', async () => {
  const root = new Authority(env).createRoot();
  const made = await OfflineIdentity.issue(
    folder,
    { clusterId: 'cluster', root, kek: { version: 5n, key: kek } },
    env,
    log,
  );
  const { nodeId } = made.identity;
  assert.equal(made.identity.role, 'manager');
  const current = new Uint8Array(32).fill(1);
  await made.write({ current, pending: undefined, needsRotation: false });
  const text = readFileSync(path.join(folder, 'swarm-node.key'), 'utf8');
  assert.match(text, /^-----BEGIN ENCRYPTED PRIVATE KEY-----/);

  const open = (key?: string): Promise<OfflineIdentity> =>
    OfflineIdentity.open(folder, key, env, log);
  await assert.rejects(open(), { code: 'CA_LOCKED' });
  await assert.rejects(open(unlockKeyText(new Uint8Array(32))), { code: 'CA_UNLOCK_WRONG' });
  await assert.rejects(open('nonsense'), { code: 'CA_UNLOCK_KEY' });
  const opened = await open(unlockKeyText(kek));
  assert.equal(opened.identity.nodeId, nodeId);
  assert.deepEqual(Buffer.from(opened.read().current ?? []), Buffer.from(current));
});

test('a folder without a certificate is refused', async () => {
  await assert.rejects(OfflineIdentity.open(path.join(folder, 'none'), undefined, env, log), {
    code: 'CA_NO_IDENTITY',
  });
});
