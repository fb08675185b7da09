/**
 * What operators do when it hurts: the log of a dead manager is looked at, one survivor of three is made
 * a cluster of its own, a backup comes up at another address.
 */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import path from 'node:path';
import { after, describe, it } from 'node:test';
import { Cleanup } from '../harness/cleanup.js';
import { ConfigWriter } from '../harness/config-writer.js';
import { swarmctlPath } from '../harness/daemon.js';
import { ManagerGroup } from '../harness/manager-group.js';

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
