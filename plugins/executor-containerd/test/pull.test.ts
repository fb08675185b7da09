/** Pulling from a registry of the test's own, into a real containerd. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { setMaxListeners } from 'node:events';
import { after, afterEach, before, beforeEach, describe, it } from 'node:test';
import { ImagesService } from '@swarmkit/sdk/wire/gen/containerd/services/images/v1/images';
import { LeasesService } from '@swarmkit/sdk/wire/gen/containerd/services/leases/v1/leases';
import { ContainerdFixture, containerdMissing } from '@swarmkit/sdk/testkit/containerd-fixture';
import { within } from '@swarmkit/sdk/testkit/eventually';
import { writeTar } from '@swarmkit/sdk/testkit/tar-writer';
import type { ContainerdConnection } from '../shell/containerd/connection.js';
import { imagePlatform } from '../shell/host.js';
import { ImageStore } from '../shell/images/image-store.js';
import { hasSnapshot } from '../shell/images/unpack.js';
import { type RegistryBehaviour, RegistryServer } from './registry-server.js';
import { connect, type RecordedLog, realEnv, recordedLog, skipWithout } from './support.js';

const calm = new AbortController().signal;
setMaxListeners(0, calm);
const layer = (name: string, text: string): Buffer =>
  writeTar([{ name, mode: 0o644, data: Buffer.from(text) }]);
const diffId = (tar: Buffer): string => `sha256:${createHash('sha256').update(tar).digest('hex')}`;
let serial = 0;

/** Layers differ for each image, so that one test's content is not another's. */
function image(change: Readonly<Record<string, unknown>> = {}) {
  const layers = [layer('a', `one ${++serial}`), layer('b', `two ${serial}`)];
  const config = {
    ...imagePlatform(),
    config: { Cmd: ['serial', String(serial)] },
    rootfs: { type: 'layers', diff_ids: layers.map(diffId) },
    ...change,
  };
  return { config: Buffer.from(JSON.stringify(config)), layers };
}

const auth = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64');

describe('pull', skipWithout(containerdMissing()), () => {
  let fixture: ContainerdFixture | undefined;
  let containerd: ContainerdConnection;
  let registry: RegistryServer;
  let log: RecordedLog;
  let store: ImageStore;

  before(async () => {
    fixture = await ContainerdFixture.start();
    containerd = connect(fixture);
  });
  after(() => {
    containerd?.close();
    fixture?.stop();
  });
  beforeEach(async () => {
    registry = await RegistryServer.start();
    log = recordedLog();
    store = newStore();
  });
  afterEach(async () => {
    store.close();
    await registry.stop();
    // Whatever happened: nothing is left held for ever.
    assert.deepEqual((await containerd.unary(LeasesService.list, { filters: [] })).leases, []);
  });

  const newStore = (): ImageStore =>
    new ImageStore(containerd, {
      snapshotter: 'overlayfs',
      platform: imagePlatform(),
      env: realEnv,
      log,
    });
  const name = (tag: string): string => `${registry.host}/lib/app:${tag}`;
  const behave = (behaviour: RegistryBehaviour): void =>
    void Object.assign(registry.behaviour, behaviour);
  const fails = (tag: string, message: RegExp, code = 'CONTAINERD_NO_IMAGE') =>
    assert.rejects(
      within(25_000, 'the pull', store.ensure(name(tag), '', calm)),
      (error: Error) => {
        assert.match(error.message, message);
        assert.equal((error as { code?: string }).code, code);
        return true;
      },
    );

  it('fetches, unpacks and records an image', async () => {
    const target = registry.push('v1', image());
    const found = await store.ensure(name('v1'), '', calm);
    assert.deepEqual(found.config.cmd, ['serial', String(serial)]);
    assert.ok(await hasSnapshot(containerd, 'overlayfs', found.chainId));
    const record = await containerd.unary(ImagesService.get, { name: name('v1') });
    assert.equal(record.image?.target?.digest, target);
  });

  it('outlives the garbage collector', async () => {
    registry.push('v1', image());
    const { chainId } = await store.ensure(name('v1'), '', calm);
    // Deleting an image synchronously runs the collector.
    const target = (await containerd.unary(ImagesService.get, { name: name('v1') })).image?.target;
    await containerd.unary(ImagesService.create, {
      image: { name: 'other', labels: {}, target, createdAt: undefined, updatedAt: undefined },
      sourceDateEpoch: undefined,
    });
    await containerd.unary(ImagesService.delete, { name: 'other', sync: true, target: undefined });
    assert.ok(await hasSnapshot(containerd, 'overlayfs', chainId));
    assert.equal((await newStore().ensure(name('v1'), '', calm)).chainId, chainId);
  });

  it("takes this machine's image out of an index", async () => {
    behave({ index: true });
    registry.push('multi', image());
    assert.deepEqual((await store.ensure(name('multi'), '', calm)).config.cmd, [
      'serial',
      String(serial),
    ]);
  });

  it('by digest, which is then never asked about again', async () => {
    const digest = registry.push('v1', image());
    const reference = `${registry.host}/lib/app@${digest}`;
    await store.ensure(reference, '', calm);
    const asked = registry.requests.length;
    await newStore().ensure(reference, '', calm);
    assert.equal(registry.requests.length, asked);
  });

  it('follows a tag that moved, and fetches nothing when it did not', async () => {
    registry.push('v1', image());
    await store.ensure(name('v1'), '', calm);
    const fetched = registry.fetches.length;
    await newStore().ensure(name('v1'), '', calm);
    assert.equal(registry.fetches.length, fetched);
    registry.push('v1', image());
    assert.deepEqual((await newStore().ensure(name('v1'), '', calm)).config.cmd, [
      'serial',
      String(serial),
    ]);
  });

  it('asks once for the replicas of a rollout', async () => {
    registry.push('v1', image());
    await Promise.all(Array.from({ length: 20 }, () => store.ensure(name('v1'), '', calm)));
    await store.ensure(name('v1'), '', calm);
    assert.equal(registry.requests.filter((line) => line.includes('/manifests/v1')).length, 1);
  });

  it('goes on with the local image when the registry is away', async () => {
    registry.push('v1', image());
    await store.ensure(name('v1'), '', calm);
    behave({ intercept: (_request, response) => response.writeHead(503).end() !== undefined });
    assert.deepEqual((await newStore().ensure(name('v1'), '', calm)).config.cmd, [
      'serial',
      String(serial),
    ]);
    assert.deepEqual(log.warnings, [
      'the registry could not be asked about an image; the local one is used',
    ]);
  });

  for (const scheme of ['basic', 'bearer'] as const)
    it(`gives credentials when asked for them (${scheme})`, async () => {
      behave({ auth: scheme });
      registry.push('v1', image());
      await fails(
        'v1',
        /^No such image: 127\.0\.0\.1:\d+\/lib\/app:v1 \(pull failed: registry 127\.0\.0\.1:\d+: access denied/,
      );
      await assert.rejects(
        store.ensure(name('v1'), auth({ username: 'user', password: 'wrong' }), calm),
        /access denied/,
      );
      await store.ensure(name('v1'), auth({ username: 'user', password: 'secret' }), calm);
    });

  it('says that there is no such image', async () => {
    await fails(
      'nope',
      /^No such image: .*:nope \(pull failed: registry .*: it has no such image\)$/,
    );
  });

  it('fails at once when nobody listens', async () => {
    const { host } = registry;
    await registry.stop();
    await assert.rejects(
      within(5_000, 'the pull', store.ensure(`${host}/lib/app:v1`, '', calm)),
      /No such image: .* \(pull failed: registry .*: connect ECONNREFUSED/,
    );
    registry = await RegistryServer.start();
  });

  it('fails when the answer stays away, by the clock', async () => {
    const { VirtualEnv } = await import('@swarmkit/sdk/testkit/virtual-env');
    const { RegistryClient } = await import('../shell/images/registry-client.js');
    const { parseImageReference } = await import('../core/image-reference.js');
    const env = new VirtualEnv('slow');
    let asked: () => void = () => {};
    const question = new Promise<void>((resolve) => {
      asked = resolve;
    });
    behave({ intercept: () => asked() === undefined });
    const client = new RegistryClient(parseImageReference(name('v1')), {
      clock: env.clock,
      credentials: undefined,
      signal: calm,
    });
    const answer = assert.rejects(client.manifest(), /no answer within 15 s/);
    await question;
    await env.clock.advance(15_000);
    await within(5_000, 'the refusal', answer);
  });

  it('refuses content that is not what its digest says', async () => {
    registry.push('v1', image());
    behave({ corrupt: true });
    await fails('v1', /pull failed: .*unexpected commit digest/);
    await assert.rejects(containerd.unary(ImagesService.get, { name: name('v1') }), {
      kind: 'not-found',
    });
  });

  it('refuses more bytes than were announced', async () => {
    registry.push('v1', image());
    behave({
      intercept: (request, response) => {
        if (!/blobs/.test(request.url ?? '')) return false;
        response.writeHead(200).end(Buffer.alloc(1000, '{'));
        return true;
      },
    });
    await fails('v1', /gave more than \d+ bytes/);
  });

  it('refuses content that breaks off', async () => {
    registry.push('v1', image());
    behave({
      intercept: (request, response) => {
        if (!/blobs/.test(request.url ?? '')) return false;
        response.writeHead(200, { 'content-length': 100_000 });
        response.write('x');
        response.destroy();
        return true;
      },
    });
    await fails('v1', /pull failed: registry .*: /);
  });

  it('refuses a layer that is not what the configuration says', async () => {
    const made = image();
    registry.push('v1', { ...made, layers: [layer('a', 'other'), ...made.layers.slice(1)] });
    await fails('v1', /unpacks to sha256:[0-9a-f]+, and not to sha256:/);
  });

  it('refuses an image for another machine', async () => {
    registry.push('v1', image({ architecture: 'z80' }));
    await fails('v1', /the image is for linux\/z80/);
  });

  it('an abort leaves the pull to those who still wait for it', async () => {
    registry.push('v1', image());
    let release: () => void = () => {};
    const gate = new Promise<void>((resolve) => {
      release = resolve;
    });
    const held = new WeakSet<object>();
    behave({
      intercept: (request, response) => {
        if (held.has(request) || !/blobs/.test(request.url ?? '')) return false;
        held.add(request);
        const server = registry as unknown as { answer(a: unknown, b: unknown): void };
        void gate.then(() => server.answer(request, response));
        return true;
      },
    });
    const abort = new AbortController();
    const given = assert.rejects(store.ensure(name('v1'), '', abort.signal), { kind: 'cancelled' });
    const kept = store.ensure(name('v1'), '', calm);
    abort.abort();
    await given;
    release();
    assert.equal((await kept).name, name('v1'));
  });

  it('takes two images that share a layer at the same time', async () => {
    const one = image();
    const two = {
      ...one,
      config: Buffer.from(one.config.toString().replace('"serial"', '"shared"')),
    };
    registry.push('one', one);
    registry.push('two', two);
    const [a, b] = await Promise.all([
      store.ensure(name('one'), '', calm),
      store.ensure(name('two'), '', calm),
    ]);
    assert.equal(a.chainId, b.chainId);
    assert.notDeepEqual(a.config.cmd, b.config.cmd);
  });
});
