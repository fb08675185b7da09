import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import path from 'node:path';
import { text } from 'node:stream/consumers';
import { after, before, describe, it } from 'node:test';
import { root } from '../house/source-files.js';
import { Cleanup } from '../harness/cleanup.js';
import { configFile } from '../harness/config-file.js';
import { Daemon } from '../harness/daemon.js';
import { swarmctl } from '../harness/run.js';
import { Swarm } from '../harness/swarm.js';
import { until } from '../harness/until.js';

/** The whole of swarmctl against a real swarmd, tasks being plain processes: one short life of each command. */

const cleanup = new Cleanup();
let daemon: Daemon;
/** Where secret plugins are looked for. */
let plugins: string;

/** Runs a command that must go well, and answers what it printed. */
async function ctl(...words: readonly string[]): Promise<string> {
  const { status, stdout, stderr } = await swarmctl(daemon.socket, ...words);
  assert.equal(status, 0, `swarmctl ${words.join(' ')}: ${stderr}`);
  return stdout;
}

/** Each of the tasks that the service has had printed its line. */
const said = (service: string, lines: readonly string[]): Promise<unknown> =>
  until(`${service} to say ${lines.join(' and ')}`, async () => {
    const printed = await ctl('service', 'logs', '--raw', service);
    return lines.every((line) => printed.split('\n').includes(line));
  });

function file(name: string, text: string): string {
  const full = path.join(daemon.stateDir, name);
  writeFileSync(full, text);
  return full;
}

describe('swarmctl against a real daemon', () => {
  before(async () => {
    const stateDir = path.join(cleanup.folder(), 'state');
    plugins = cleanup.folder();
    const config = configFile(cleanup, { 'secret-driver-docker': { folders: [plugins] } });
    const args = ['--load', path.join(root, 'examples/licensed-nodes'), '--config', config];
    daemon = new Daemon({ stateDir, executor: 'process', args }, cleanup);
    await daemon.start();
    const swarm = new Swarm(daemon.socket);
    cleanup.add('control connection', () => swarm.close());
    await swarm.ready();
  });
  after(() => cleanup.run());

  it('services: created, scaled, listed, changed and rolled back', async () => {
    await ctl('service', 'create', '--name', 'web', 'busybox', 'sleep', '1000');
    await ctl('service', 'scale', 'web=2');
    assert.match(await ctl('service', 'ls'), /web +replicated +2\/2/);
    await ctl('service', 'update', '--env-add', 'A=1', '--update-parallelism', '0', 'web');
    await ctl('service', 'rollback', 'web');
    assert.doesNotMatch(await ctl('service', 'inspect', 'web'), /Environment/);
    const lines = (await ctl('service', 'ps', 'web')).trim().split('\n');
    assert.ok(lines.length > 3, 'what has ended is listed too');
    assert.match(await ctl('explain', 'web'), /State: +2 of 2\n/);
  });

  it('a job is waited for until it has completed', async () => {
    await ctl(
      ...['service', 'create', '--name', 'job', '--mode', 'replicated-job', '--replicas', '3'],
      ...['--max-concurrent', '2', 'busybox', 'true'],
    );
    assert.match(await ctl('service', 'ls'), /job +replicated-job +0\/2 \(3\/3 completed\)/);
  });

  it('what no node can take is explained', async () => {
    await ctl(
      ...['service', 'create', '--detach', '--name', 'picky', '--constraint'],
      ...['node.labels.disk==ssd', '--reserve-cpu', '4096', 'busybox', 'sleep', '1'],
    );
    const text = await ctl('explain', 'picky');
    assert.match(text, /not enough left: .*; does not meet node\.labels\.disk==ssd\n/);
  });

  it('a filter of somebody else has a say, is explained, and gives way', async () => {
    await ctl(
      ...['service', 'create', '--detach', '--name', 'licensed', '--label', 'acme.licence=db'],
      ...['busybox', 'sleep', '1000'],
    );
    assert.match(await ctl('explain', 'licensed'), /VERDICT\n\S+ +no licence on 1 node\n/);
    await ctl('node', 'update', 'self', '--label-add', 'acme.licence=db');
    await ctl('service', 'update', '--label-add', 'seen=1', 'licensed');
    assert.match(await ctl('service', 'ls'), /licensed +replicated +1\/1/);
    await ctl('service', 'rm', 'licensed');
  });

  it('secrets and configs: created, used, rotated, removed', async () => {
    for (const kind of ['secret', 'config']) {
      await ctl(kind, 'create', '--label', 'a=b', 'key', file('one', 'one'));
      const name = `with-${kind}`;
      const at = kind === 'secret' ? 'run/secrets/k.pem' : 'k.pem';
      await ctl(
        ...['service', 'create', '--name', name, `--${kind}`, 'source=key,target=k.pem,mode=0400'],
        ...['busybox', 'sh', '-c', `cat $SWARMKIT_FILES/${at}; echo; exec sleep 1000`],
      );
      await said(name, ['one']);
      const used = await swarmctl(daemon.socket, kind, 'rm', 'key');
      assert.match(
        used.stderr,
        new RegExp(`${kind} 'key' is in use by the following service: ${name}`),
      );
      await ctl(kind, 'rotate', 'key', file('two', 'two'));
      // The task was replaced by one that has the new data.
      await said(name, ['one', 'two']);
      const listed = await ctl(kind, 'ls');
      assert.match(listed, /key\.v2/);
      assert.doesNotMatch(listed, /key +\d/);
      await ctl('service', 'rm', name);
      await ctl(kind, 'rm', 'key');
      assert.doesNotMatch(await ctl(kind, 'ls'), /key/);
    }
  });

  it('a secret with a driver: each task gets its own value, from a plugin that Docker would ask too', async () => {
    const vault = createServer((request, response) => {
      void text(request).then((body) => {
        const { TaskName } = JSON.parse(body || '{}') as { readonly TaskName?: string };
        const value = Buffer.from(`for ${TaskName?.split('.').slice(0, 2).join('.')}`);
        response.end(
          request.url === '/Plugin.Activate'
            ? '{"Implements":["secretprovider"]}'
            : JSON.stringify({ Value: value.toString('base64'), DoNotReuse: true }),
        );
      });
    });
    cleanup.add('the vault', () => {
      vault.closeAllConnections();
      vault.close();
    });
    await ctl('secret', 'create', '--driver', 'vault', 'driven');
    const script = 'cat $SWARMKIT_FILES/run/secrets/driven; echo; exec sleep 1000';
    await ctl(
      ...['service', 'create', '--detach', '--name', 'own', '--replicas', '2'],
      ...['--restart-delay', '100ms', '--secret', 'driven', 'busybox', 'sh', '-c', script],
    );
    // Nobody answers to that name yet: the task is made again until somebody does.
    await until('the reason to be told', async () =>
      (await ctl('service', 'ps', '--format', 'json', 'own')).includes(
        'failed to fetch secret driven: plugin \\"vault\\" not found',
      ),
    );
    await new Promise<void>((done) => vault.listen(path.join(plugins, 'vault.sock'), done));
    await said('own', ['for own.1', 'for own.2']);
    await ctl('service', 'rm', 'own');
    await ctl('secret', 'rm', 'driven');
  });

  it('networks and volumes: created, shown, removed', async () => {
    await ctl('network', 'create', '-d', 'bridge', 'back');
    assert.match(await ctl('network', 'inspect', 'back'), /Driver: +bridge\n/);
    await ctl('network', 'rm', 'back');
    await ctl('volume', 'create', '-d', 'csi', '--group', 'fast', 'data');
    await ctl('volume', 'update', '--availability', 'drain', 'data');
    assert.match(await ctl('volume', 'ls'), /data +fast +csi +Drain +Not made yet/);
    await ctl('volume', 'rm', 'data');
  });

  it('a placeholder that no node could fill in is refused at once', async () => {
    const { status, stderr } = await swarmctl(
      daemon.socket,
      ...['service', 'create', '--hostname', '{{.Nothing.here}}', 'busybox'],
    );
    assert.equal(status, 1);
    assert.match(stderr, /expanding hostname failed: .*can't evaluate field Nothing/);
  });
});
