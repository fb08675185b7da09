import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { existsSync, lstatSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import path from 'node:path';
import { afterEach, describe, it } from 'node:test';
import { Cleanup } from '../harness/cleanup.js';
import { Daemon, type DaemonOptions } from '../harness/daemon.js';
import { refusedStart } from '../harness/run.js';
import { connectSwarm } from '../harness/single-node.js';
import { serviceSpec } from '../harness/specs.js';
import type { Swarm } from '../harness/swarm.js';
import { until } from '../harness/until.js';

/**
 * What keeps a daemon from starting is said in one sentence that names the thing, and harms nobody who
 * runs already. Tasks are plain processes here: no engine is needed.
 */

const cleanup = new Cleanup();
afterEach(() => cleanup.run());

const newDaemon = (options: Partial<DaemonOptions> = {}): Daemon =>
  new Daemon(
    { stateDir: path.join(cleanup.folder(), 'state'), executor: 'process', ...options },
    cleanup,
  );

const connect = (daemon: Daemon): Swarm => connectSwarm(daemon, cleanup);

/** The command line of a daemon that is not to be started by itself. */
const words = (daemon: Daemon): readonly string[] => daemon.words.slice(1);

describe('an unreadable configuration', () => {
  const cases: readonly (readonly [what: string, text: string, sentence: RegExp])[] = [
    ['bad YAML', 'log-level: info\nload: [a\n', /is not YAML at line \d+: /],
    ['binary rubbish', '\u0000\u0001', /is not a map of settings$/],
    ['a list', '- log-level\n', /is not a map of settings$/],
    [
      'an unknown key',
      'statedir: /x\n',
      /has an unknown key statedir; known are state-dir, listen-control-api, /,
    ],
    ['a value of another type', 'load: 3\n', /has a load that is not a list of strings$/],
  ];
  for (const [what, text, sentence] of cases)
    it(`${what} is named with its file`, async () => {
      const file = path.join(cleanup.folder(), 'swarmd.yaml');
      writeFileSync(file, text);
      const refused = await refusedStart([...words(newDaemon()), '--config', file]);
      assert.equal(refused.status, 2, refused.sentence);
      assert.match(refused.sentence, sentence);
      assert.ok(refused.sentence.startsWith(`swarmd: the configuration ${file} `));
    });

  it('a missing file is named', async () => {
    const file = path.join(cleanup.folder(), 'missing.yaml');
    const refused = await refusedStart([...words(newDaemon()), '--config', file]);
    assert.equal(refused.status, 2);
    assert.match(
      refused.sentence,
      /^swarmd: the configuration .*missing\.yaml cannot be read: ENOENT/,
    );
  });

  for (const [what, plugins, sentence] of [
    [
      'an unknown key',
      'raft: { snapshotIntervall: 3 }',
      /raft: config\.snapshotIntervall is not known/,
    ],
    [
      'a wrong value',
      'raft: { snapshotInterval: many }',
      /raft: config\.snapshotInterval must be integer/,
    ],
    ['an unknown plugin', 'rafft: {}', /rafft: no such plugin is installed/],
  ] as const)
    it(`${what} in its part for plugins is named with the plugin and the file`, async () => {
      const file = path.join(cleanup.folder(), 'swarmd.yaml');
      writeFileSync(file, `plugins:\n  ${plugins}\n`);
      const daemon = newDaemon();
      const refused = await refusedStart([...words(daemon), '--config', file]);
      assert.equal(refused.status, 2, refused.sentence);
      assert.match(refused.sentence, sentence);
      assert.ok(refused.sentence.includes(file), refused.sentence);
      assert.deepEqual(readdirSync(daemon.stateDir), [], 'nothing was begun');
    });

  it('a setting that does not exist is answered with those that do', async () => {
    const file = path.join(cleanup.folder(), 'swarmd.yaml');
    writeFileSync(file, 'executor: podman\n');
    const refused = await refusedStart(['-d', path.join(cleanup.folder(), 's'), '--config', file]);
    assert.equal(refused.status, 2);
    assert.equal(
      refused.sentence,
      'swarmd: executor is "podman"; it must be one of containerd, docker, process',
    );
  });

  it('a folder without a plugin is named', async () => {
    const folder = cleanup.folder();
    const refused = await refusedStart([...words(newDaemon()), '--load', folder]);
    assert.equal(refused.status, 2);
    assert.match(refused.sentence, /^swarmd: load names .*, and no package with a "swarmkit" part/);
  });
});

describe('a place that is taken', () => {
  it('a second swarmd on the same state folder', async () => {
    const first = newDaemon();
    await first.start();
    const swarm = connect(first);
    await swarm.ready();
    const second = newDaemon({ stateDir: first.stateDir, socket: `${first.stateDir}/other.sock` });
    const refused = await refusedStart(words(second));
    assert.equal(refused.status, 1);
    assert.equal(
      refused.sentence,
      `swarmd: another swarmd (process ${first.pid}) uses the state folder ${first.stateDir}; stop it or name another folder with -d`,
    );
    // The first one notices nothing, and is still the one that the folder names.
    await swarm.create(serviceSpec({ name: 'after' }));
    assert.match((await refusedStart(words(second))).sentence, new RegExp(`process ${first.pid}`));
    await first.kill();
    await second.start();
    const heir = connect(second);
    await heir.ready();
    assert.equal((await heir.services()).length, 1);
  });

  it('is free again after a death that nobody has taken notice of', async () => {
    const dead = newDaemon();
    // The shell starts swarmd, never waits for it, and so keeps a zombie.
    const parent = spawn(
      'sh',
      ['-c', '"$0" "$@" & echo $!; exec sleep 1000', process.execPath, ...dead.words],
      { stdio: ['ignore', 'pipe', 'ignore'] },
    );
    cleanup.add('the parent', () => void parent.kill('SIGKILL'));
    let printed = '';
    parent.stdout.on('data', (bytes) => {
      printed += bytes;
    });
    const pid = Number(await until('the shell names it', () => /^\d+\n/.exec(printed)?.[0]));
    cleanup.add('the orphan', () => {
      try {
        process.kill(pid, 'SIGKILL');
      } catch {
        // Gone with its parent.
      }
    });
    await until('swarmd listens', () => existsSync(dead.socket));
    process.kill(pid, 'SIGKILL');
    const next = newDaemon({ stateDir: dead.stateDir });
    await next.start();
    await connect(next).ready();
  });

  it('a control socket that another live daemon answers on', async () => {
    const first = newDaemon();
    await first.start();
    const second = newDaemon({ socket: first.socket });
    const refused = await refusedStart(words(second));
    assert.equal(refused.status, 1);
    assert.equal(
      refused.sentence,
      `swarmd: rpc failed in start: another daemon listens on ${first.socket}: stop it or name another control socket`,
    );
    await connect(first).ready();
  });

  it('the socket file of a dead daemon is taken over', async () => {
    const daemon = newDaemon();
    await daemon.start();
    await daemon.kill();
    assert.ok(lstatSync(daemon.socket).isSocket());
    await daemon.start();
    await connect(daemon).ready();
    assert.equal(lstatSync(daemon.socket).mode & 0o777, 0o600);
  });

  it('a file that is no socket is not touched', async () => {
    const file = path.join(cleanup.folder(), 'precious');
    writeFileSync(file, 'text');
    const refused = await refusedStart(words(newDaemon({ socket: file })));
    assert.equal(refused.status, 1);
    assert.match(
      refused.sentence,
      /precious exists and is not a socket: remove it or name another/,
    );
    assert.equal(lstatSync(file).size, 4);
  });

  it('a socket in a folder that does not exist', async () => {
    const socket = path.join(cleanup.folder(), 'none', 'swarmd.sock');
    const refused = await refusedStart(words(newDaemon({ socket })));
    assert.equal(refused.status, 1);
    assert.match(
      refused.sentence,
      /the folder .*none of the control socket does not exist: make it/,
    );
  });

  it('a port in use', async () => {
    const other = createServer().listen(0, '127.0.0.1');
    cleanup.add('the other server', () => void other.close());
    await until('it listens', () => other.listening);
    const remoteAddr = `127.0.0.1:${(other.address() as { port: number }).port}`;
    const daemon = newDaemon({ remoteAddr });
    const refused = await refusedStart(words(daemon));
    assert.equal(refused.status, 1);
    assert.ok(
      refused.sentence.startsWith(
        `swarmd: rpc failed in start: another process listens on ${remoteAddr}: stop it or give this node another address`,
      ),
      refused.sentence,
    );
    assert.ok(!existsSync(daemon.socket), 'the control socket was closed again');
    other.close();
    await daemon.start();
    await connect(daemon).ready();
  });

  it('a state folder that is a file', async () => {
    const stateDir = path.join(cleanup.folder(), 'file');
    writeFileSync(stateDir, '');
    const socket = path.join(cleanup.folder(), 's.sock');
    const refused = await refusedStart(words(newDaemon({ stateDir, socket })));
    assert.equal(refused.status, 1);
    assert.match(refused.sentence, /^swarmd: the state folder .*file cannot be used: /);
  });
});

describe('a damaged state folder', () => {
  it('certificates that cannot be read are named', async () => {
    const daemon = newDaemon();
    await daemon.start();
    await daemon.stop();
    mkdirSync(daemon.stateDir, { recursive: true });
    writeFileSync(path.join(daemon.stateDir, 'certificates/swarm-node.crt'), 'rubbish');
    const refused = await refusedStart(words(daemon));
    assert.equal(refused.status, 1);
    assert.match(refused.sentence, /certificates/);
  });
});
