import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type TarEntry, writeTar } from '@swarmkit/sdk/testkit/tar-writer';
import { chainIds, parseImageConfig, parseManifest, pickManifest } from '../core/image-manifest.js';
import { decodeCredentials, parseChallenge, registryBase } from '../core/registry.js';
import { isRefusedByRunc, startFailure } from '../core/start-failure.js';
import { signalNumber } from '../core/signals.js';
import { readTar } from '../core/tar.js';

const json = (value: unknown) => Buffer.from(JSON.stringify(value));
const digest = (letter: string) => `sha256:${letter.repeat(64)}`;

describe('manifests', () => {
  const entry = (os: string, architecture: string, letter: string, variant?: string) => ({
    mediaType: 'm',
    size: 1,
    digest: digest(letter),
    platform: { os, architecture, variant },
  });
  const index = (...manifests: unknown[]) => {
    const parsed = parseManifest(json({ schemaVersion: 2, manifests }));
    assert.equal(parsed.kind, 'index');
    return parsed as Extract<typeof parsed, { kind: 'index' }>;
  };
  const amd64 = { os: 'linux', architecture: 'amd64' };

  it('picks the platform, and the best variant', () => {
    const list = index(
      entry('windows', 'amd64', 'a'),
      entry('linux', 'arm64', 'b', 'v8'),
      entry('linux', 'amd64', 'c'),
    );
    assert.equal(pickManifest(list, amd64).digest, digest('c'));
    assert.equal(pickManifest(list, { os: 'linux', architecture: 'arm64' }).digest, digest('b'));
    const arms = index(entry('linux', 'arm', 'a', 'v6'), entry('linux', 'arm', 'b', 'v7'));
    assert.equal(
      pickManifest(arms, { os: 'linux', architecture: 'arm', variant: 'v7' }).digest,
      digest('b'),
    );
  });

  it('says what there is when the platform is missing', () => {
    assert.throws(
      () =>
        pickManifest(index(entry('linux', 's390x', 'a'), entry('unknown', 'unknown', 'b')), amd64),
      {
        message: 'there is no manifest for linux/amd64, only for linux/s390x',
      },
    );
  });

  it('refuses what is no manifest', () => {
    const layers = (layer: unknown) =>
      json({ config: { digest: digest('a'), size: 1 }, layers: [layer] });
    assert.throws(() => parseManifest(Buffer.from('<html>')), /is not JSON/);
    assert.throws(() => parseManifest(json([])), /shape/);
    assert.throws(() => parseManifest(json({ schemaVersion: 1, fsLayers: [] })), /schema 1/);
    assert.throws(
      () => parseManifest(layers({ digest: 'sha256:../../x', size: 1 })),
      /only sha256 is known/,
    );
    assert.throws(() => parseManifest(layers({ digest: digest('b'), size: -1 })), /gives no size/);
  });

  it('reads a configuration, also a bare one', () => {
    const full = parseImageConfig(
      json({
        os: 'linux',
        architecture: 'amd64',
        rootfs: { diff_ids: [digest('a')] },
        config: {
          Env: ['A=1', 2],
          User: 'app',
          Volumes: { '/data': {} },
          Healthcheck: { Test: ['CMD', 'x'], Interval: 1e9 },
        },
      }),
    );
    assert.deepEqual(
      [full.env, full.user, full.volumes, full.healthcheck?.intervalMs],
      [['A=1'], 'app', ['/data'], 1000],
    );
    assert.deepEqual(parseImageConfig(json({})).cmd, []);
  });

  it('chains layers', () => {
    const sha = (text: string) => `<${text}>`;
    assert.deepEqual(chainIds([], sha), []);
    assert.deepEqual(chainIds(['a', 'b', 'c'], sha), [
      'a',
      'sha256:<a b>',
      'sha256:<sha256:<a b> c>',
    ]);
  });
});

describe('registries', () => {
  it('are spoken to in the clear only on this machine', () => {
    assert.equal(registryBase('docker.io'), 'https://registry-1.docker.io');
    assert.equal(registryBase('example.com:5000'), 'https://example.com:5000');
    for (const local of ['localhost:5000', '127.0.0.1:80', '127.1.2.3', '[::1]:5000', 'localhost'])
      assert.equal(registryBase(local), `http://${local}`);
    for (const other of ['localhost.example.com', '127.0.0.1.example.com', '[fd00::1]:5000'])
      assert.ok(registryBase(other).startsWith('https:'), other);
  });

  it('credentials come in every form that Docker writes', () => {
    const encode = (value: unknown) => json(value).toString('base64');
    assert.equal(decodeCredentials(''), undefined);
    assert.equal(decodeCredentials('%%%'), undefined);
    assert.equal(decodeCredentials(encode({})), undefined);
    assert.deepEqual(
      decodeCredentials(
        encode({ username: 'u', password: 'pä?>' }).replaceAll('+', '-').replaceAll('/', '_'),
      ),
      { username: 'u', password: 'pä?>' },
    );
    assert.deepEqual(decodeCredentials(encode({ auth: Buffer.from('u:p:q').toString('base64') })), {
      username: 'u',
      password: 'p:q',
    });
    assert.deepEqual(decodeCredentials(encode({ identitytoken: 'i' })), { identityToken: 'i' });
  });

  it('challenges are read', () => {
    assert.deepEqual(
      parseChallenge('Bearer realm="https://a/t",service="x y",scope="repository:a:pull"'),
      {
        scheme: 'bearer',
        parameters: { realm: 'https://a/t', service: 'x y', scope: 'repository:a:pull' },
      },
    );
    assert.equal(parseChallenge('Basic realm=x')?.scheme, 'basic');
    assert.equal(parseChallenge('Negotiate'), undefined);
    assert.equal(parseChallenge(''), undefined);
  });
});

describe('tar', () => {
  it('reads what is written, and skips folders and links', () => {
    const entries: TarEntry[] = [
      { name: 'd/', mode: 0o755 },
      { name: 'd/a', mode: 0o644, data: Buffer.from('x'.repeat(700)) },
      { name: 'l', mode: 0o777, link: 'd/a' },
      { name: 'empty', mode: 0o644 },
    ];
    const files = readTar(writeTar(entries)).map(({ name, data }) => [name, data.length]);
    assert.deepEqual(files, [
      ['d/a', 700],
      ['empty', 0],
    ]);
  });

  it('refuses a cut archive', () => {
    const archive = writeTar([{ name: 'a', mode: 0o644, data: Buffer.alloc(2000) }]);
    assert.throws(() => readTar(archive.subarray(0, 1024)), /ends in the middle/);
  });
});

describe('signals', () => {
  it('by name, with and without SIG, by number, real-time', () => {
    const expected = {
      '': 15,
      SIGTERM: 15,
      term: 15,
      SIGKILL: 9,
      HUP: 1,
      WINCH: 28,
      '2': 2,
      'RTMIN+3': 37,
      'SIGRTMAX-1': 63,
      IOT: 6,
    };
    for (const [text, number] of Object.entries(expected))
      assert.equal(signalNumber(text), number, text);
  });
  for (const text of ['SIGNOPE', '0', '65', '-1', 'RTMIN+31', 'SIG'])
    it(`${text} is none`, () => assert.throws(() => signalNumber(text), /is not a signal/));
});

describe('start failures', () => {
  const wrapped = (inner: string) =>
    `failed to create shim task: OCI runtime create failed: runc create failed: unable to start container process: ${inner}: unknown`;
  const text = (details: string) => startFailure(details, 'busybox', undefined).message;

  it('name the command and the reason', () => {
    assert.equal(
      text(wrapped('exec: "nope": executable file not found in $PATH')),
      'exec: "nope": executable file not found in $PATH; the command must exist in image busybox',
    );
    assert.equal(
      text(wrapped('exec: "/no": stat /no: no such file or directory')),
      'exec: "/no": no such file or directory; the command must exist in image busybox',
    );
  });

  it("are runc's, or containerd's own trouble", () => {
    assert.ok(isRefusedByRunc(wrapped('exec: "nope": executable file not found in $PATH')));
    for (const trouble of [
      'failed to start shim: start failed: getwd: no such file or directory: exit status 1',
      'failed to create shim task: ttrpc: closed',
      'mkdir /run/x/swarmkit/id: file exists',
      'failed to create shim task: OCI runtime create failed: runc create failed: container with given ID already exists',
    ])
      assert.equal(isRefusedByRunc(trouble), false, trouble);
  });

  it('keep what else runc says', () => {
    assert.equal(
      text(wrapped('error during container init: bad thing')),
      'the container of image busybox cannot be started: error during container init: bad thing',
    );
  });
});
