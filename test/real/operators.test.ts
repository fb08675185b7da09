/**
 * What operators do when it hurts: the log of a dead manager is looked at, one survivor of three is made
 * a cluster of its own, a backup comes up at another address.
 */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { after, describe, it } from 'node:test';
import { Cleanup } from '../harness/cleanup.js';
import { CreateSecretRequest, ListSecretsRequest } from '@swarmkit/sdk/wire/gen/swarmkit/control';
import { NodeStatus_State } from '@swarmkit/sdk/wire/gen/swarmkit/types';
import { ConfigWriter } from '../harness/config-writer.js';
import { Daemon, swarmctlPath } from '../harness/daemon.js';
import { freePort } from '../harness/free-port.js';
import { ManagerGroup } from '../harness/manager-group.js';
import { serviceSpec } from '../harness/specs.js';
import { Swarm } from '../harness/swarm.js';
import { until } from '../harness/until.js';

const cleanup = new Cleanup();
after(() => cleanup.run());

interface Done {
  readonly status: number | null;
  readonly out: string;
  readonly err: string;
}

function swarmctl(...words: readonly string[]): Done {
  const { status, stdout, stderr } = spawnSync(process.execPath, [swarmctlPath, ...words], {
    encoding: 'utf8',
    timeout: 60_000,
    input: '',
  });
  return { status, out: stdout, err: stderr };
}

describe('the log of a manager that does not run', () => {
  it('is shown, and makes one survivor of three a cluster of its own', async () => {
    const group = await ManagerGroup.start(3, cleanup, { raft: { snapshotInterval: 20 } });
    const writer = new ConfigWriter(group);
    const writing = writer.run();
    await writer.acknowledges(40);
    writer.stop();
    await writing;
    const [, survivor] = group.managers;
    assert.ok(survivor);
    const { stateDir } = survivor.daemon;
    const inUse = swarmctl('raft', 'recover', '-d', stateDir, '--yes');
    assert.equal(inUse.status, 1);
    assert.match(inUse.err, /^swarmctl: another swarmd \(process \d+\) uses the state folder/);
    for (const { daemon } of group.managers) await daemon.kill();

    const log = swarmctl('raft', 'dump-log', '-d', stateDir);
    assert.deepEqual([log.err, log.status], ['', 0]);
    assert.match(log.out, /creates config \w+ \(/);
    assert.equal(log.out.match(/ {3}yes$/gm)?.length, 3, log.out);
    const snapshot = swarmctl('raft', 'dump-snapshot', '-d', stateDir, '--format', 'json');
    assert.deepEqual([snapshot.err, snapshot.status], ['', 0]);
    assert.equal(JSON.parse(snapshot.out).objects.clusters.length, 1);
    assert.doesNotMatch(snapshot.out, /SWMTKN-|PRIVATE KEY/);

    const unsure = swarmctl('raft', 'recover', '-d', stateDir);
    assert.equal(unsure.status, 1);
    assert.match(unsure.err, /nothing was changed; type yes when asked, or say --yes$/m);
    const sure = swarmctl('raft', 'recover', '-d', stateDir, '--yes');
    assert.deepEqual([sure.err, sure.status], ['', 0]);
    for (const { address } of group.managers)
      assert.equal(sure.out.includes(address), address !== survivor.address, sure.out);
    const [copy = ''] = readdirSync(stateDir).filter((name) => name.endsWith('.bak'));
    assert.ok(existsSync(path.join(stateDir, copy, 'raft')));
    assert.match(swarmctl('raft', 'recover', '-d', stateDir, '--yes').out, /nothing to recover/);

    await survivor.daemon.start();
    group.managers.splice(0, 3, survivor);
    await group.complete();
    assert.deepEqual(await writer.missing(), []);
  });
});

describe('a cluster that is lost', () => {
  it('comes up at another address out of its backup, and its worker finds it', async () => {
    const group = await ManagerGroup.start(2, cleanup);
    const worker = await group.addWorker();
    const [manager] = group.managers;
    assert.ok(manager);
    const service = await manager.swarm.create(serviceSpec({ name: 'kept' }));
    await manager.swarm.running(service.id, 1);
    const secret = { spec: { annotations: { name: 'hush' }, data: Buffer.from('not to be seen') } };
    const { control } = manager.swarm;
    await control.createSecret(CreateSecretRequest.fromPartial(secret), { timeoutMs: 20_000 });
    await until('the worker is there', async () => (await group.nodes()).length === 3);

    const folder = cleanup.folder();
    const [open, sealed, phrase] = ['open', 'sealed', 'phrase'].map((name) =>
      path.join(folder, name),
    ) as [string, string, string];
    writeFileSync(phrase, 'correct horse\n');
    const socket = ['--socket', manager.daemon.socket];
    const plain = swarmctl('backup', open, ...socket);
    assert.deepEqual([plain.err, plain.status], ['', 0]);
    assert.match(plain.out, /It is NOT encrypted/);
    assert.equal(statSync(open).mode & 0o777, 0o600);
    assert.ok(readFileSync(open).includes('not to be seen'));
    assert.match(swarmctl('backup', open, ...socket).err, /cannot be made: EEXIST/);
    const closed = swarmctl('backup', sealed, '--passphrase-file', phrase, ...socket);
    assert.deepEqual([closed.err, closed.status], ['', 0]);
    assert.ok(!readFileSync(sealed).includes('not to be seen'));

    for (const { daemon } of group.managers) await daemon.kill();
    const stateDir = path.join(folder, 'state');
    const address = `127.0.0.1:${await freePort()}`;
    const where = ['-d', stateDir, '--advertise-addr', address];
    writeFileSync(phrase, 'wrong horse\n');
    const wrong = swarmctl('restore', sealed, ...where, '--passphrase-file', phrase);
    assert.match(wrong.err, /the passphrase is another one, or the backup is damaged/);
    assert.ok(!existsSync(stateDir));
    writeFileSync(phrase, 'correct horse\n');
    const restored = swarmctl('restore', sealed, ...where, '--passphrase-file', phrase);
    assert.deepEqual([restored.err, restored.status], ['', 0]);
    assert.match(swarmctl('restore', open, ...where).err, /is not empty, and nothing was changed/);

    const options = { executor: 'process' as const };
    const again = new Daemon({ ...options, stateDir, remoteAddr: address }, cleanup);
    await again.start();
    const swarm = new Swarm(again.socket);
    cleanup.add('control connection', () => swarm.close());
    const leader = { ...manager, address, daemon: again, swarm };
    group.managers.splice(0, 2, leader);
    assert.equal(await group.leader(), leader);
    assert.deepEqual(
      (await swarm.services()).map(({ id }) => id),
      [service.id],
    );
    // The two that were managers are listed, and are none any more.
    assert.equal((await swarm.nodes()).length, 4);
    const { secrets } = await swarm.control.listSecrets(ListSecretsRequest.create(), {
      timeoutMs: 20_000,
    });
    assert.deepEqual(
      secrets.map(({ spec }) => spec?.annotations?.name),
      ['hush'],
    );

    await worker.daemon.stop();
    const moved = new Daemon(
      { ...options, stateDir: worker.daemon.stateDir, args: ['--join-addr', address] },
      cleanup,
    );
    await moved.start();
    const info = await until('the node says what it is', () => {
      const said = swarmctl('info', '--socket', moved.socket, '--format', 'json');
      return said.status === 0 && said.out;
    });
    const self = JSON.parse(info) as { readonly nodeId: string; readonly role: string };
    assert.equal(self.role, 'worker');
    const isReady = async (): Promise<boolean> =>
      (await swarm.nodes()).find(({ id }) => id === self.nodeId)?.status?.state ===
      NodeStatus_State.READY;
    await until('the worker is back', isReady, 60_000);
    await swarm.running(service.id, 1);

    // And it leaves, with its tasks and its certificate.
    const manages = swarmctl('leave', '--socket', again.socket);
    assert.equal(manages.status, 1);
    assert.match(manages.err, /this node is a manager, .*demote it first/);
    const left = swarmctl('leave', '--socket', moved.socket);
    assert.deepEqual([left.err, left.status], ['', 0]);
    assert.equal(await moved.ended(), 0);
    assert.ok(!existsSync(path.join(moved.stateDir, 'certificates')));
    assert.ok(!existsSync(path.join(moved.stateDir, 'storage')));
    await until('the worker is gone', async () => !(await isReady()), 60_000);
    await swarm.running(service.id, 1);
  });
});
