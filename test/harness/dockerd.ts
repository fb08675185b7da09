import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { PassThrough } from 'node:stream';
import Docker from 'dockerode';
import type { Cleanup } from './cleanup.js';
import type { LanHost } from './lan.js';
import { until } from './until.js';

/**
 * Debian's dockerd as a peer: its own network namespace, hostname, /run and data folder, reached over
 * its socket only. Name look-ups fail at once there, so that no image look-up waits for a registry.
 */

export interface DockerPeer {
  readonly docker: Docker;
  readonly socket: string;
  readonly netns: string;
  readonly version: string;
  /** Of the SwarmKit in it: speaks the Control API while the engine is in a swarm. */
  readonly controlSocket: string;
  /** What the SwarmKit in it keeps: certificates and the Raft log. */
  readonly swarmDir: string;
  /** Everything it has written to its log. */
  log(): string;
  /** Its containers end with it. */
  stop(signal?: 'SIGTERM' | 'SIGKILL'): Promise<void>;
  /** Again, on the same data. */
  start(): Promise<void>;
}

/** Why dockerd cannot run here, as half a sentence; undefined when it can. */
export function dockerdMissing(): string | undefined {
  if (process.getuid?.() !== 0) return 'dockerd needs root';
  for (const command of ['dockerd', 'containerd', 'runc', 'ip', 'nsenter', 'unshare'])
    if (spawnSync('sh', ['-c', `command -v ${command}`], { env: environment() }).status !== 0)
      return `${command} is not installed`;
  return undefined;
}

const environment = (): NodeJS.ProcessEnv => ({
  ...process.env,
  PATH: `${process.env.PATH ?? ''}:/usr/local/sbin:/usr/sbin:/sbin`,
});

export interface DockerdOptions {
  /** Where it lives; default: a namespace of its own without a way out. */
  readonly host?: LanHost;
  /** Words of its command line, such as `--label=a=b`. */
  readonly args?: readonly string[];
}

export async function startDockerd(
  cleanup: Cleanup,
  name = 'peer',
  { host, args = [] }: DockerdOptions = {},
): Promise<DockerPeer> {
  const dir = cleanup.folder('swk-d-');
  const netns = host?.netns ?? ownNamespace(cleanup, name);
  const socket = path.join(dir, 'docker.sock');
  writeFileSync(path.join(dir, 'resolv.conf'), 'nameserver 127.0.0.1\n');
  mkdirSync(path.join(dir, 'data'));
  const log = openSync(path.join(dir, 'dockerd.log'), 'a');
  const script = [
    'mount --make-rprivate /',
    'mount -t tmpfs tmpfs /run',
    `mount --bind ${dir}/resolv.conf "$(readlink -f /etc/resolv.conf)"`,
    `hostname ${name}`,
    `exec dockerd -H unix://${socket} --data-root ${dir}/data --exec-root ${dir}/exec --pidfile ${dir}/dockerd.pid ${args.join(' ')}`,
  ].join(' && ');
  const docker = new Docker({ socketPath: socket });
  const launch = async (): Promise<Launched> => {
    const child = spawn(
      'nsenter',
      [`--net=/run/netns/${netns}`, 'unshare', '-m', '-u', 'sh', '-c', script],
      {
        stdio: ['ignore', log, log],
        detached: true,
        env: { ...environment(), DOCKER_SERVICE_PREFER_OFFLINE_IMAGE: '1' },
      },
    );
    running = child;
    const version = await until(
      'dockerd answers',
      async () => {
        if (child.exitCode !== null)
          throw new Error(
            `dockerd ended:\n${readFileSync(`${dir}/dockerd.log`, 'utf8').slice(-2000)}`,
          );
        return existsSync(socket) && (await docker.version()).Version;
      },
      60_000,
    );
    return { version };
  };
  let running: ChildProcess | undefined;
  const halt = async (signal: 'SIGTERM' | 'SIGKILL' = 'SIGTERM'): Promise<void> => {
    if (running !== undefined) await stopDockerd(running, dir, signal);
    running = undefined;
    rmSync(socket, { force: true });
  };
  cleanup.add('dockerd', () => halt());
  const { version } = await launch();
  return {
    docker,
    socket,
    netns,
    version,
    controlSocket: path.join(dir, 'exec/swarm/control.sock'),
    swarmDir: path.join(dir, 'data/swarm'),
    log: () => readFileSync(`${dir}/dockerd.log`, 'utf8'),
    stop: halt,
    start: async () => {
      await launch();
    },
  };
}

interface Launched {
  readonly version: string;
}

function ownNamespace(cleanup: Cleanup, name: string): string {
  const netns = `swk-${process.pid}-${name}`;
  run('ip', 'netns', 'add', netns);
  cleanup.add(`network namespace ${netns}`, () => {
    spawnSync('ip', ['netns', 'del', netns]);
  });
  run('ip', '-n', netns, 'link', 'set', 'lo', 'up');
  return netns;
}

/** A single-node swarm; the address is the namespace's own loopback. */
export const initSwarm = (peer: DockerPeer): Promise<unknown> =>
  peer.docker.swarmInit({
    ListenAddr: '127.0.0.1:2377',
    AdvertiseAddr: '127.0.0.1',
    ForceNewCluster: false,
    Spec: {},
  });

export async function loadImage(peer: DockerPeer, archive: Buffer): Promise<void> {
  const source = new PassThrough();
  source.end(archive);
  const answer = await peer.docker.loadImage(source);
  await new Promise((resolve, reject) => {
    answer.on('end', resolve);
    answer.on('error', reject);
    answer.resume();
  });
}

async function stopDockerd(
  child: ChildProcess,
  dir: string,
  signal: 'SIGTERM' | 'SIGKILL',
): Promise<void> {
  const ended = new Promise<void>((resolve) => {
    if (child.exitCode !== null) resolve();
    else child.once('exit', () => resolve());
  });
  child.kill(signal);
  const forced = setTimeout(() => child.kill('SIGKILL'), 20_000);
  await ended;
  clearTimeout(forced);
  // Shims and the daemon's own containerd live in the folder's name; what is left of them goes by pid.
  for (const pid of processesNaming(dir))
    try {
      process.kill(pid, 'SIGKILL');
    } catch {
      // It ended by itself.
    }
  for (const mount of mountsBelow(dir)) spawnSync('umount', ['-l', mount]);
}

function processesNaming(dir: string): readonly number[] {
  const found = spawnSync('pgrep', ['-f', dir], { encoding: 'utf8' });
  return found.stdout
    .split('\n')
    .map(Number)
    .filter((pid) => pid > 1 && pid !== process.pid);
}

const mountsBelow = (dir: string): readonly string[] =>
  readFileSync('/proc/self/mounts', 'utf8')
    .split('\n')
    .map((line) => line.split(' ')[1] ?? '')
    .filter((at) => at.startsWith(`${dir}/`))
    .reverse();

function run(command: string, ...args: readonly string[]): void {
  const done = spawnSync(command, args, { encoding: 'utf8', env: environment() });
  if (done.status !== 0)
    throw new Error(`${command} ${args.join(' ')}: ${done.stderr || done.error?.message}`);
}
