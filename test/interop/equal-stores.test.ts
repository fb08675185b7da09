import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { after, before, describe, it } from 'node:test';
import { BUSYBOX_REFERENCE } from '@swarmkit/sdk/testkit/busybox-image';
import {
  CreateConfigRequest,
  CreateVolumeRequest,
  RemoveNodeRequest,
  UpdateClusterRequest,
} from '@swarmkit/sdk/wire/gen/swarmkit/control';
import { NodeSpec_Availability } from '@swarmkit/sdk/wire/gen/swarmkit/specs';
import type { RaftConfig } from '@swarmkit/sdk/wire/gen/swarmkit/types';
import { Cleanup } from '../harness/cleanup.js';
import { dockerdMissing } from '../harness/dockerd.js';
import { type Makeable, ManyObjects } from '../harness/many-objects.js';
import { MixedGroup, type MixedNode } from '../harness/mixed-group.js';
import { newcomers } from '../harness/newcomers.js';
import { serviceSpec } from '../harness/specs.js';
import {
  countByKind,
  differences,
  engineSnapshotFiles,
  engineSnapshots,
  ourSnapshots,
  type RawObjects,
  withSortedMaps,
} from '../harness/store-snapshot.js';
import { defined, type Swarm } from '../harness/swarm.js';
import { until } from '../harness/until.js';
import { root } from '../house/source-files.js';

/**
 * A thousand objects of every kind, made, changed and removed through engines and ours in turn, under an
 * engine's lead and under ours: then the store snapshots on the disks of both kinds hold the same bytes.
 * On the way each kind of leader brings managers that came late, or were away, up to date by its snapshot.
 *
 * What may differ, and why: the order of a map's entries, which Go changes with every writing; fields that
 * the engine's version does not know, ours among them, which it drops; and cluster volumes, which 20.10 does not know at all.
 */

/** All of them with INTEROP=all (npm run test:interop), else a fifth. */
const isWhole = process.env.INTEROP === 'all';
const some = (count: number): number => (isWhole ? count : Math.ceil(count / 5) + 1);
/** Each half of the thousand; with tasks, nodes and the rest they are more. */
const half: Readonly<Record<Makeable, number>> = {
  ...{ config: some(120), secret: some(120), network: some(30) },
  ...{ extension: some(5), resource: some(40), service: some(60) },
};
const third = {
  ...{ config: some(40), secret: some(40), network: some(10) },
  ...{ extension: some(5), resource: some(10), service: some(20) },
};
const nodesOfEach = 10;
/** Larger than one message of gRPC: a snapshot with these goes in pieces. */
const bulk = { pieces: 6, bytes: 900_000 };

describe('the stores of engines and of ours', { skip: dockerdMissing() ?? false }, () => {
  const cleanup = new Cleanup();
  let group: MixedGroup;
  let engine: MixedNode;
  let ours: MixedNode;
  /** Objects that hold what the engine's version does not know. */
  const newer: string[] = [];
  /** Of a kind that the engine's version has not. */
  const volumes: string[] = [];
  let passed = 0;

  before(async () => {
    group = new MixedGroup(cleanup, {}, ['--log-level', 'debug']);
    engine = await group.docker('docker-1');
    ours = await group.ours('ours-1');
    await group.managers('docker-1', 'ours-1');
  });
  after(async () => {
    if (passed < 4) process.stderr.write(group.lastWords());
    await cleanup.run();
  });
  const need = (steps: number): void => assert.equal(passed, steps, 'an earlier step failed');

  /** Nodes that never come up, asked for at both kinds of managers; some are changed, some removed. */
  const makeNodes = async (managers: readonly MixedNode[]): Promise<void> => {
    const token = defined((await ours.swarm.cluster()).rootCa?.joinTokens).worker;
    for (const [i, manager] of managers.entries()) {
      const ids = await newcomers(manager.host, manager.address, token, nodesOfEach);
      const other = defined(managers[(i + 1) % managers.length]).swarm;
      for (const [n, id] of ids.entries())
        if (n % 3 === 0)
          await until('the node is changed', async () => {
            const node = defined((await other.nodes()).find((one) => one.id === id));
            await other.updateNode(node, (spec) => ({
              ...spec,
              annotations: { ...defined(spec.annotations), labels: { zone: `z${n}`, a: 'b' } },
              availability: NodeSpec_Availability.DRAIN,
            }));
            return true;
          });
        else if (n % 5 === 4)
          await other.control.removeNode(RemoveNodeRequest.create({ nodeId: id, force: true }));
    }
  };

  const makeBulk = async (by: Swarm, prefix: string): Promise<void> => {
    for (let i = 0; i < bulk.pieces; i++) {
      const annotations = { name: `${prefix}-bulk-${i}`, labels: {} };
      const spec = { annotations, data: Buffer.alloc(bulk.bytes, i) };
      await by.control.createConfig(CreateConfigRequest.fromPartial({ spec }));
    }
  };

  /** What only ours knows: a field of later SwarmKits, and one of nobody's. */
  const makeNewer = async (prefix: string): Promise<void> => {
    const spec = {
      ...{ annotations: { name: `${prefix}-future`, labels: {} }, data: Buffer.from('x') },
      templating: undefined,
      // Field 500, as bytes with their length in front.
      _unknownFields: { [(500 << 3) | 2]: [Uint8Array.of(3, 97, 98, 99)] },
    };
    const { config } = await ours.swarm.control.createConfig(CreateConfigRequest.create({ spec }));
    newer.push(`config ${defined(config).id}`);
    const service = await ours.swarm.create(
      serviceSpec({
        name: `${prefix}-newer`,
        task: { placement: { constraints: ['node.labels.nowhere==true'] } },
        container: { oomScoreAdj: 7n },
      }),
    );
    newer.push(`service ${service.id}`);
    for (const { id } of await ours.swarm.tasks(service.id)) newer.push(`task ${id}`);
    const { volume } = await ours.swarm.control.createVolume(
      CreateVolumeRequest.fromPartial({
        spec: {
          annotations: { name: `${prefix}-volume` },
          driver: { name: 'nobody' },
          accessMode: { accessType: { $case: 'mount', value: {} } },
        },
      }),
    );
    volumes.push(`volume ${defined(volume).id}`);
  };

  it('an engine leads: half of them, and a manager of ours that comes late', async () => {
    need(0);
    assert.equal((await group.leader()).name, 'docker-1');
    await setRaft(ours.swarm, { snapshotInterval: 100n, logEntriesForSlowFollowers: 1n });
    await new ManyObjects([engine.swarm, ours.swarm], 'under-engine').make(half);
    await makeNodes([engine, ours]);
    await makeBulk(engine.swarm, 'engine');
    const late = await group.ours('ours-2');
    await group.managers('docker-1', 'ours-1', 'ours-2');
    await group.agreeOnNodes(engine, late);
    assert.ok(late.daemon?.said().includes('took the state of the leader'));
    passed++;
  });

  it('ours lead: the engine was away, and another one comes late', async () => {
    need(1);
    await engine.kill();
    assert.equal((await group.leader()).kind, 'ours');
    const away = new ManyObjects([ours.swarm, group.named('ours-2').swarm], 'while-away');
    await away.make(third);
    await makeBulk(ours.swarm, 'ours');
    // These come to the engine in a snapshot, the next ones as entries.
    await makeNewer('snapshot');
    const from = engine.log().length;
    await engine.start();
    await group.managers('docker-1', 'ours-1', 'ours-2');
    await group.agreeOnNodes(ours, engine);
    assert.match(engine.log(from), /restored snapshot|starts to restore snapshot/);
    const late = await group.docker('docker-2');
    await group.managers('docker-1', 'docker-2', 'ours-1', 'ours-2');
    await group.agreeOnNodes(ours, late);
    assert.match(late.log(), /restored snapshot|starts to restore snapshot/);
    passed++;
  });

  it('ours lead: the other half, through all of them', async () => {
    need(2);
    assert.equal((await group.leader()).kind, 'ours');
    const all = [engine, ours, group.named('docker-2'), group.named('ours-2')];
    const turns = all.map(({ swarm }) => swarm);
    await new ManyObjects(turns, 'under-ours').make(half);
    await makeNodes(all);
    await makeNewer('entry');
    const created = await defined(engine.peer).docker.createService({
      Name: 'by-rest',
      TaskTemplate: {
        ContainerSpec: { Image: BUSYBOX_REFERENCE, Args: ['sleep', '1'], Init: true },
        Placement: { Constraints: ['node.labels.nowhere==true'] },
      },
      Mode: { Replicated: { Replicas: 2 } },
      UpdateConfig: { Parallelism: 2 },
    } as never);
    await until('it has tasks', async () => (await ours.swarm.tasks(created.id)).length === 2);
    passed++;
  });

  it('are equal on the disks, byte for byte', async () => {
    need(3);
    const [engineHas, weHave] = await lastSnapshots(group, engine, ours);
    assert.ok(engineHas.size >= (isWhole ? 1_000 : 250), `only ${engineHas.size} objects`);
    for (const [kind, count] of Object.entries(countByKind(engineHas)))
      assert.equal(count > 0, kind !== 'volume', `${count} of ${kind}`);
    assert.deepEqual([...engineHas.keys(), ...volumes].sort(), [...weHave.keys()].sort());

    const differ = unexplained(engineHas, weHave);
    assert.deepEqual(
      [...differ.keys()].filter((name) => !newer.includes(name)),
      [],
      said(differ),
    );
    assert.deepEqual([...differ.keys()].toSorted(), newer.toSorted());
    for (const [name, paths] of differ) {
      assert.ok(defined(engineHas.get(name)).length < defined(weHave.get(name)).length, name);
      for (const one of paths) assert.match(one, /_unknownFields\.4002|oomScoreAdj/);
    }
    passed++;
  });
});

describe('the first objects of a swarm that ours founded', {
  skip: dockerdMissing() ?? false,
}, () => {
  const cleanup = new Cleanup();
  after(() => cleanup.run());

  it('are as an engine would have made them, and what agents and tasks say too', async () => {
    const group = new MixedGroup(cleanup, {}, ['--log-level', 'debug']);
    const ours = await group.ours('ours-1');
    await ours.swarm.ready();
    const engine = await group.docker('docker-1');
    await group.managers('ours-1', 'docker-1');
    await group.docker('docker-worker', 'worker');
    await group.ours('our-worker', 'worker');
    const service = await ours.swarm.create(serviceSpec({ name: 'web', replicas: 4 }));
    await ours.swarm.running(service.id, 4);
    const [engineHas, weHave] = await lastSnapshots(group, engine, ours);
    assert.deepEqual([...engineHas.keys()].sort(), [...weHave.keys()].sort());
    assert.equal(countByKind(engineHas).node, 4);
    const differ = unexplained(engineHas, weHave);
    assert.equal(differ.size, 0, said(differ));
  });
});

const setRaft = (swarm: Swarm, raft: Partial<RaftConfig>): Promise<unknown> =>
  until('the cluster takes it', async () => {
    const cluster = await swarm.cluster();
    const spec = defined(cluster.spec);
    await swarm.control.updateCluster(
      UpdateClusterRequest.create({
        clusterId: cluster.id,
        clusterVersion: cluster.meta?.version,
        spec: { ...spec, raft: { ...defined(spec.raft), ...raft } },
      }),
    );
    return true;
  });

/** What the two have on their disks at one and the same entry. The managers do not run afterwards. */
async function lastSnapshots(
  group: MixedGroup,
  engine: MixedNode,
  ours: MixedNode,
): Promise<readonly [engine: RawObjects, ours: RawObjects]> {
  // A snapshot an entry, and all are kept: so there is one of both at the same entry.
  await setRaft(ours.swarm, { snapshotInterval: 1n, keepOldSnapshots: 1_000n });
  const told = defined((await ours.swarm.cluster()).meta?.version).index;
  const { swarmDir } = defined(engine.peer);
  const last = new ManyObjects([engine.swarm], 'last');
  let i = 0;
  const takeOne = async (): Promise<boolean> => {
    const before = engineSnapshotFiles(swarmDir).length;
    await last.config(i++);
    await until('the engine takes one', () => engineSnapshotFiles(swarmDir).length > before);
    const mine = new Set(takenByOurs(ours));
    return engineSnapshotFiles(swarmDir).some((name) => {
      const index = indexOf(name);
      return index > told && mine.has(index);
    });
  };
  // Whoever is slow to write one passes over the entries that come meanwhile.
  await until('both take one at the same entry', takeOne, 60_000);
  for (const node of group.nodes.filter(({ kind }) => kind === 'docker')) await node.kill();
  await defined(ours.daemon).stop();
  const theirs = engineSnapshots(swarmDir);
  const mine = await ourSnapshots(defined(ours.daemon).stateDir);
  const common = [...theirs.keys()].filter((index) => index > told && mine.has(index)).at(-1);
  assert.ok(common, `${[...theirs.keys()]} and ${[...mine.keys()]}`);
  return [defined(theirs.get(common)), defined(mine.get(common))];
}

/** The last word before `.snap` is the index, in hexadecimal. */
const indexOf = (file: string): bigint => BigInt(`0x${/-(\w+)\.snap$/.exec(file)?.[1]}`);

const takenByOurs = (node: MixedNode): readonly bigint[] =>
  [...node.log().matchAll(/"index":"(\d+)","msg":"snapshot taken"/g)].map(([, at = '']) =>
    BigInt(at),
  );

/** Fields that only we have are numbered from 1000: an engine drops them as any other that it does not know. */
const ofOurs = new RegExp(`\\.(?:${ourFields().join('|')})(?:\\.|:)`);

function ourFields(): readonly string[] {
  const folder = path.join(root, 'sdk/wire/proto/swarmkit');
  const texts = readdirSync(folder).map((name) => readFileSync(path.join(folder, name), 'utf8'));
  const names = texts.flatMap((text) => [...text.matchAll(/(\w+) = 1\d{3};/g)]);
  assert.ok(names.length > 0);
  return names.map(([, name = '']) => name.replaceAll(/_(\w)/g, (_, c) => c.toUpperCase()));
}

/** Where they differ, by object; the order of maps and fields of ours left out. */
function unexplained(one: RawObjects, other: RawObjects): ReadonlyMap<string, readonly string[]> {
  const found = new Map<string, readonly string[]>();
  for (const [name, bytes] of one) {
    const others = defined(other.get(name));
    if (withSortedMaps(name, bytes).equals(withSortedMaps(name, others))) continue;
    const paths = differences(name, bytes, others);
    const rest = paths.filter((path) => !ofOurs.test(path));
    if (rest.length > 0 || paths.length === 0) found.set(name, rest);
  }
  return found;
}

const said = (differ: ReadonlyMap<string, readonly string[]>): string =>
  [...differ].map(([name, paths]) => `${name}: ${paths.join('; ')}`).join('\n');
