/**
 * What managers lose and go on without: room on the leader's disk, and a majority for good.
 */
import assert from 'node:assert/strict';
import { after, describe, it } from 'node:test';
import { Cleanup } from '../harness/cleanup.js';
import { ConfigWriter } from '../harness/config-writer.js';
import { Daemon } from '../harness/daemon.js';
import { ManagerGroup } from '../harness/manager-group.js';
import { SmallDisk } from '../harness/small-disk.js';
import { Swarm } from '../harness/swarm.js';
import { until } from '../harness/until.js';

const cleanup = new Cleanup();
after(() => cleanup.run());

describe('managers that lose something', () => {
  it('have another leader when the disk of the first one is full', {
    skip: SmallDisk.missing ?? false,
  }, async () => {
    const disk = new SmallDisk(cleanup, 60);
    const group = await ManagerGroup.start(0, cleanup);
    const first = await group.add(disk.dir);
    await group.add();
    await group.add();
    const writer = new ConfigWriter(group);
    assert.equal(await group.leader(), first);
    const writing = writer.run();
    await writer.acknowledges(20);
    disk.fill();
    // What was allocated before may still take some writes; then another leads.
    await until('another leads', async () => (await group.leader()) !== first, 60_000);
    await writer.acknowledges(20);
    disk.empty();
    await writer.acknowledges(20);
    writer.stop();
    await writing;
    await group.complete();
    assert.deepEqual(await writer.missing(), []);
  });

  it('can be one alone, when it is forced to, with all that was acknowledged', async () => {
    const group = await ManagerGroup.start(3, cleanup);
    const writer = new ConfigWriter(group);
    const writing = writer.run();
    await writer.acknowledges(50);
    writer.stop();
    await writing;
    const [, survivor] = group.managers;
    assert.ok(survivor);
    for (const { daemon } of group.managers) await daemon.kill();
    const forced = new Daemon(
      {
        stateDir: survivor.daemon.stateDir,
        executor: 'process',
        remoteAddr: survivor.address,
        args: ['--force-new-cluster'],
      },
      cleanup,
    );
    await forced.start();
    const swarm = new Swarm(forced.socket);
    cleanup.add('control connection', () => swarm.close());
    group.managers.splice(0, 3, { ...survivor, daemon: forced, swarm });
    assert.deepEqual(await writer.missing(), []);
    assert.ok(forced.said().some((line) => line.startsWith('forcing a new cluster')));
    const more = writer.run();
    await writer.acknowledges(10);
    writer.stop();
    await more;
    assert.deepEqual(await writer.missing(), []);
  });
});
