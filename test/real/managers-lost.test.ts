/**
 * What managers lose and go on without: room on the leader's disk, one that leaves, a log with a flipped
 * bit, and a majority for good.
 */
import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { after, describe, it } from 'node:test';
import { Cleanup } from '../harness/cleanup.js';
import { ConfigWriter } from '../harness/config-writer.js';
import { Daemon } from '../harness/daemon.js';
import { ManagerGroup } from '../harness/manager-group.js';
import { type Ended, swarmctl } from '../harness/run.js';
import { SmallDisk } from '../harness/small-disk.js';
import { sameStores } from '../harness/stores.js';
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

  it('do not start one whose log has a flipped bit, and rebuild it from what they have', async () => {
    const group = await ManagerGroup.start(3, cleanup);
    const writer = new ConfigWriter(group);
    const writing = writer.run(2);
    await writer.acknowledges(30);
    const leader = await group.leader();
    const broken = group.managers.find((one) => one !== leader);
    assert.ok(broken);
    const { daemon } = broken;
    const raftIds = async (): Promise<readonly (bigint | undefined)[]> =>
      (await group.nodes()).map(({ managerStatus }) => managerStatus?.raftId);
    const before = await raftIds();
    await daemon.kill();
    const folder = path.join(daemon.stateDir, 'storage/raft');
    flipLog(folder);
    const from = daemon.output.length;
    await daemon.start();
    const sentence = await until('it says what is wrong', () =>
      daemon.said(from).find((line) => /damaged/.test(line)),
    );
    assert.match(sentence, /^raft failed in start: the data in .*storage\/raft is damaged/);
    // It has no vote to give: with one more gone there is no majority, and nothing is acknowledged.
    const [other] = group.managers.filter((one) => one !== leader && one !== broken);
    assert.ok(other);
    await writer.acknowledges(10);
    await other.daemon.kill();
    const { acknowledged } = writer;
    const { unanswered } = writer;
    await until('writes are refused', () => writer.unanswered > unanswered + 4, 60_000);
    // Two that were on their way when it was killed may have got through.
    assert.ok(
      writer.acknowledged <= acknowledged + 2,
      `${writer.acknowledged - acknowledged} writes`,
    );
    await other.daemon.start();
    await writer.acknowledges(10);
    // As the recipe says: its log is moved away, and it joins with the certificate that it has.
    await daemon.stop();
    renameSync(folder, path.join(daemon.stateDir, 'damaged'));
    await daemon.start();
    await group.complete();
    writer.stop();
    await writing;
    assert.deepEqual(await writer.missing(), []);
    assert.ok((await sameStores(group)) > 40);
    const now = (await raftIds()).filter((id) => !before.includes(id));
    assert.equal(now.length, 1, 'it is another member');
  });

  it('go on without one that leaves by force, and take it off the list when they are told', async () => {
    const group = await ManagerGroup.start(3, cleanup);
    const writer = new ConfigWriter(group);
    const leader = await group.leader();
    const gone = group.managers.find((one) => one !== leader);
    assert.ok(gone);
    const { daemon, address } = gone;
    const { socket } = daemon;
    const refused = await swarmctl(socket, 'leave');
    assert.equal(refused.status, 1);
    assert.match(refused.stderr, /this node is a manager, .*demote it first/);
    const left = await swarmctl(socket, 'leave', '--force');
    assert.deepEqual([left.stderr, left.status], ['', 0]);
    assert.equal(await daemon.ended(), 0);
    for (const name of ['certificates', 'storage'])
      assert.ok(!existsSync(path.join(daemon.stateDir, name)), name);
    group.managers.splice(group.managers.indexOf(gone), 1);
    const writing = writer.run(2);
    await writer.acknowledges(20);
    const node = (await group.nodes()).find(({ managerStatus }) => managerStatus?.addr === address);
    assert.ok(node, 'it is listed still');
    const remove = (): Promise<Ended> =>
      swarmctl(leader.daemon.socket, 'node', 'rm', '-f', node.id);
    const demoted = await swarmctl(leader.daemon.socket, 'node', 'demote', node.id);
    assert.deepEqual([demoted.stderr, demoted.status], ['', 0]);
    await until('it is removed', async () => (await remove()).status === 0, 60_000);
    assert.equal((await group.nodes()).length, 2);
    await group.complete();
    writer.stop();
    await writing;
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

/** One bit in the middle of the newest file of the log. */
function flipLog(folder: string): void {
  const files = readdirSync(folder)
    .filter((name) => /\.log$/.test(name))
    .map((name) => path.join(folder, name))
    .filter((file) => readFileSync(file).length > 0);
  const file = files.sort().at(-1);
  assert.ok(file, `no log file in ${folder}`);
  const bytes = readFileSync(file);
  const at = bytes.length >> 1;
  bytes[at] = (bytes[at] as number) ^ 0x10;
  writeFileSync(file, bytes);
}
