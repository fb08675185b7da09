// npm run demo: from a fresh clone to a running single-node cluster with two services.
//   npm run demo               shows it, then waits for Ctrl-C
//   npm run demo -- --check    the same, verifies each step, tears down, exits 0 or 1
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { createConnection } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { build, engines, installPackages, root } from './prepare.mjs';

const check = process.argv.includes('--check');
const say = (text) => console.log(`\n\x1b[1m» ${text}\x1b[0m`);
const undo = [];
const REFERENCE = 'swarmkit.local/demo:latest';
const ctlPath = path.join(root, 'apps/swarmctl/dist/main.js');

installPackages();
say('Building');
if (!process.env.SWARMKIT_NO_BUILD) build();

const dir = mkdtempSync(path.join(tmpdir(), 'swarmkit-demo-'));
undo.push(() => rmSync(dir, { recursive: true, force: true }));
const socket = path.join(dir, 'swarmd.sock');

let failed = false;
let stopping = false;
process.on('SIGINT', () => void finish(failed ? 1 : 0));
process.on('SIGTERM', () => void finish(failed ? 1 : 0));
async function show() {
  const runtime = await findRuntime();
  say(`Starting swarmd (state in ${dir})`);
  const swarmd = startDaemon(runtime);
  await until('swarmd answers on its control socket', () => {
    if (swarmd.exitCode !== null) throw new Error(`swarmd ended:\n${daemonLog()}`);
    return (
      existsSync(socket) &&
      swarmctlJson('node', 'ls').some((node) => node.status?.state === 'READY')
    );
  });
  print('node', 'ls');

  say('Deploying two services: a web server with 2 replicas, and one task on every node');
  swarmctl(
    [
      'service',
      'create',
      '--name',
      'web',
      '--replicas',
      '2',
      '--restart-delay',
      '1s',
      '--stop-grace-period',
      '1s',
      ...runtime.web,
    ],
    true,
  );
  swarmctl(
    [
      'service',
      'create',
      '--name',
      'watch',
      '--mode',
      'global',
      '--stop-grace-period',
      '1s',
      ...runtime.watch,
    ],
    true,
  );
  print('service', 'ls');
  print('task', 'ls');
  for (const task of running('web')) {
    const page = await runtime.get(task);
    if (!page.includes('Hello from swarmkit')) throw new Error(`task ${task.id} answered ${page}`);
    console.log(`${task.id} answers: ${page.trim()}`);
  }

  say('Scaling web to 5');
  swarmctl(['service', 'update', 'web', '--replicas', '5'], true);
  expect(running('web').length === 5, 'web has 5 running tasks');

  const victim = running('web')[0];
  say(`Killing a container from outside (process ${pidOf(victim)})`);
  process.kill(pidOf(victim), 'SIGKILL');
  await until('the killed task is replaced', () => {
    const now = running('web');
    return now.length === 5 && !now.some((task) => task.id === victim.id);
  });
  print('task', 'ls', 'web', '--all');

  const before = new Map(running('web').map((task) => [task.id, pidOf(task)]));
  say('Killing swarmd itself (kill -9) and starting it again');
  swarmd.kill('SIGKILL');
  await new Promise((resolve) => swarmd.once('exit', resolve));
  startDaemon(runtime);
  await until('the same tasks run in the same processes', () => {
    const now = running('web');
    return now.length === 5 && now.every((task) => before.get(task.id) === pidOf(task));
  });
  console.log('All 5 tasks still run, in the same processes.');

  if (check) {
    swarmctl(['service', 'rm', 'web', 'watch'], true);
    await until('everything is gone', () => swarmctlJson('task', 'ls', '--all').length === 0);
    say('Every step was as it should be.');
    return;
  }
  say('Running. Try it from another terminal:');
  console.log(`  export SWARM_SOCKET=${socket}`);
  console.log(`  alias swarmctl='node ${path.relative(process.cwd(), ctlPath) || ctlPath}'`);
  console.log('  swarmctl service ls');
  console.log('  swarmctl service update web --replicas 3');
  console.log(
    '  swarmctl service create --name nowhere --constraint node.role==worker --detach ' +
      runtime.sampleImage,
  );
  console.log('  swarmctl task ls nowhere      # says why it is pending');
  console.log(`\nControl socket: ${socket}`);
  if (runtime.address) console.log(`containerd:     ${runtime.address} (namespace swarmkit)`);
  console.log(`Log of swarmd:  ${path.join(dir, 'swarmd.log')}`);
  console.log('Stop with Ctrl-C: everything that the demo made is removed.');
  await new Promise(() => setInterval(() => undefined, 1 << 30));
}

/** A containerd that is there, else one of our own, else plain processes. */
async function findRuntime() {
  const isRoot = process.getuid?.() === 0;
  const system = '/run/containerd/containerd.sock';
  let address;
  if (isRoot && (await answers(system))) {
    address = system;
    say(`Using the containerd at ${system}`);
  } else if (isRoot && engines(['containerd', 'runc']).length === 0) {
    say('Starting a containerd of our own');
    const { ContainerdFixture } = await import('../sdk/dist/testkit/containerd-fixture.js');
    const containerd = await ContainerdFixture.start();
    undo.push(() => containerd.stop());
    address = containerd.address;
  }
  if (address !== undefined && engines(['busybox']).length === 0) return containerRuntime(address);
  say('No container runtime here: tasks run as plain processes, without any isolation');
  return processRuntime();
}

async function containerRuntime(address) {
  const { buildBusyboxArchive } = await import('../sdk/dist/testkit/busybox-image.js');
  const { importInto } = await import('../test/dist/harness/images.js');
  const page = 'Hello from swarmkit\n';
  await importInto(
    address,
    buildBusyboxArchive({ reference: REFERENCE, files: { 'www/index.html': page } }),
  );
  return {
    address,
    sampleImage: REFERENCE,
    flags: ['--executor', 'containerd', '--containerd-addr', address],
    web: [REFERENCE, 'httpd', '-f', '-p', '8080', '-h', '/www'],
    watch: [REFERENCE, 'sh', '-c', 'while true; do uptime; sleep 5; done'],
    // Every container has a network of its own, so the page is asked for from inside.
    get: (task) =>
      until(`task ${task.id} answers on port 8080`, () => {
        const done = spawnSync(
          'nsenter',
          [
            `--net=/proc/${pidOf(task)}/ns/net`,
            'busybox',
            'wget',
            '-qO-',
            'http://127.0.0.1:8080/',
          ],
          { encoding: 'utf8' },
        );
        return done.status === 0 && done.stdout;
      }),
  };
}

function processRuntime() {
  const script =
    "require('http').createServer((q, s) => s.end('Hello from swarmkit\\n')).listen(0, '127.0.0.1', function () { console.log('listening on ' + this.address().port) })";
  return {
    sampleImage: 'none sleep 1000',
    flags: ['--executor', 'process'],
    web: ['none', process.execPath, '-e', script],
    watch: ['none', 'sh', '-c', 'while true; do uptime; sleep 5; done'],
    get: (task) =>
      until(`task ${task.id} answers`, async () => {
        const logs = path.join(dir, 'logs');
        const file = readdirSync(logs, { recursive: true }).find((name) =>
          String(name).includes(task.id),
        );
        if (file === undefined) return false;
        const full = path.join(logs, String(file));
        const text = existsSync(full) ? readFileSync(full, 'utf8') : '';
        const port = /listening on (\d+)/.exec(text)?.[1];
        return port !== undefined && (await (await fetch(`http://127.0.0.1:${port}/`)).text());
      }),
  };
}

function startDaemon(runtime) {
  const log = path.join(dir, 'swarmd.log');
  const child = spawn(
    'sh',
    [
      '-c',
      'exec "$@" >>"$LOG" 2>&1',
      'sh',
      process.execPath,
      path.join(root, 'apps/swarmd/dist/main.js'),
      '-d',
      dir,
      '--listen-control-api',
      socket,
      '--listen-remote-api',
      '127.0.0.1:0',
      ...runtime.flags,
    ],
    // A group of its own: Ctrl-C is for the demo, which stops the services first.
    { stdio: 'ignore', detached: true, env: { ...process.env, LOG: log } },
  );
  undo.push(async () => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    const gone = new Promise((resolve) => child.once('exit', resolve));
    child.kill('SIGTERM');
    await gone;
  });
  return child;
}

const daemonLog = () => {
  const log = path.join(dir, 'swarmd.log');
  return existsSync(log) ? readFileSync(log, 'utf8').slice(-3000) : '';
};

function swarmctlRun(args, stdio) {
  return spawnSync(process.execPath, [ctlPath, '--socket', socket, ...args], {
    encoding: 'utf8',
    stdio,
  });
}

function swarmctl(args, shown) {
  if (shown)
    console.log(
      `$ swarmctl ${args.map((word) => (/[\s;'"]/.test(word) ? `'${word}'` : word)).join(' ')}`,
    );
  const done = swarmctlRun(args, ['ignore', shown ? 'inherit' : 'pipe', 'pipe']);
  if (done.status !== 0)
    throw new Error(`swarmctl ${args.join(' ')}: ${done.stderr?.trim()}\n${daemonLog()}`);
  return done.stdout;
}

const print = (...args) => swarmctl(args, true);

function swarmctlJson(...args) {
  const done = swarmctlRun(['--format', 'json', ...args], ['ignore', 'pipe', 'pipe']);
  return done.status === 0 ? JSON.parse(done.stdout) : [];
}

const running = (service) =>
  swarmctlJson('task', 'ls', service).filter(
    (task) => task.status?.state === 'RUNNING' && task.desiredState === 'RUNNING',
  );

const pidOf = (task) => task.status?.runtimeStatus?.container?.pid ?? 0;

function expect(fact, what) {
  if (!fact) throw new Error(`expected that ${what}`);
}

async function until(what, fact, deadlineMs = 60_000) {
  const end = Date.now() + deadlineMs;
  for (;;) {
    const answer = await fact();
    if (answer) return answer;
    if (Date.now() > end || stopping)
      throw new Error(`${what}: not within ${deadlineMs / 1000} s\n${daemonLog()}`);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

function answers(unixSocket) {
  return new Promise((resolve) => {
    const connection = createConnection(unixSocket);
    connection.once('connect', () => {
      connection.destroy();
      resolve(true);
    });
    connection.once('error', () => resolve(false));
  });
}

async function finish(code) {
  if (stopping) return;
  stopping = true;
  say('Stopping and removing what the demo made');
  for (const service of swarmctlJson('service', 'ls'))
    swarmctlRun(['service', 'rm', service.id], 'ignore');
  const end = Date.now() + 30_000;
  while (swarmctlJson('task', 'ls', '--all').length > 0 && Date.now() < end)
    await new Promise((resolve) => setTimeout(resolve, 200));
  for (const step of undo.reverse())
    try {
      await step();
    } catch (error) {
      console.error(`demo: cleaning up: ${error.message}`);
      code = 1;
    }
  process.exit(code);
}

try {
  await show();
} catch (error) {
  failed = true;
  console.error(`\ndemo: ${error.message}`);
}
if (check || failed) await finish(failed ? 1 : 0);
