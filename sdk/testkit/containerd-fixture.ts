/**
 * A private containerd for tests, benches and the demo: own root, state, socket and config in one
 * folder, without the plugins that cost start-up time (CRI, tracing, exotic snapshotters).
 * `stop` leaves nothing behind: containers, shims, mounts, cgroups, folder. It is synchronous on
 * purpose, so that it also runs when the process exits early. It ends processes by pid only, and only
 * those that speak of this fixture's own socket.
 */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import {
  closeSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  rmdirSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { createConnection } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export interface ContainerdFixtureOptions {
  /** The folder for everything; made under the system's temporary folder when not given. */
  readonly dir?: string;
  /** Default `containerd`, from PATH. */
  readonly binary?: string;
  /** cgroup parents whose leftovers are removed too. Default `swarmkit`. */
  readonly cgroupParents?: readonly string[];
}

/** Why a private containerd cannot run here, as half a sentence; undefined when it can. */
export function containerdMissing(): string | undefined {
  if (process.platform !== 'linux') return 'containerd needs Linux';
  if (process.getuid?.() !== 0) return 'containerd needs root';
  for (const program of ['containerd', 'runc', 'containerd-shim-runc-v2']) {
    if (!onPath(program)) return `${program} is not installed (apt-get install containerd runc)`;
  }
  return undefined;
}

const onPath = (program: string): boolean =>
  searchPath()
    .split(':')
    .some((dir) => existsSync(join(dir, program)));

/** runc lives in /usr/sbin, which a user's PATH often lacks. */
const searchPath = (): string => `${process.env.PATH ?? ''}:/usr/local/sbin:/usr/sbin:/sbin`;

export class ContainerdFixture {
  /** The socket, as executor-containerd's `address`. */
  readonly address: string;
  private daemon: ChildProcess | undefined;
  private stopped = false;

  private constructor(
    readonly dir: string,
    private readonly binary: string,
    private readonly cgroupParents: readonly string[],
  ) {
    this.address = join(dir, 'containerd.sock');
    guard(this);
  }

  /** Resolves when the socket answers. */
  static async start(options: ContainerdFixtureOptions = {}): Promise<ContainerdFixture> {
    const dir = options.dir ?? mkdtempSync(join(tmpdir(), 'swarmkit-containerd-'));
    mkdirSync(dir, { recursive: true, mode: 0o711 });
    const fixture = new ContainerdFixture(
      dir,
      options.binary ?? 'containerd',
      options.cgroupParents ?? ['swarmkit'],
    );
    try {
      await fixture.launch();
    } catch (error) {
      fixture.stop();
      throw error;
    }
    return fixture;
  }

  get pid(): number | undefined {
    return this.daemon?.pid;
  }

  /** kill -9 of the daemon; containers live on under their shims. */
  async crash(): Promise<void> {
    const daemon = this.daemon;
    if (daemon?.pid === undefined) return;
    const gone = new Promise((resolve) => daemon.once('exit', resolve));
    daemon.kill('SIGKILL');
    await gone;
    this.daemon = undefined;
  }

  /** Starts the daemon again after `crash`. */
  async launch(): Promise<void> {
    const configFile = join(this.dir, 'config.toml');
    writeFileSync(configFile, configToml(this.dir, this.address));
    const log = openSync(join(this.dir, 'containerd.log'), 'a');
    this.daemon = spawn(this.binary, ['--config', configFile], {
      stdio: ['ignore', log, log],
      env: { ...process.env, PATH: searchPath() },
      // Its own group: a Ctrl-C at the demo's terminal must not stop it before its containers.
      detached: true,
    });
    closeSync(log);
    const failed = new Promise<never>((_resolve, reject) => {
      this.daemon?.once('error', reject);
      this.daemon?.once('exit', (code) =>
        reject(new Error(`containerd ended with code ${code}: ${this.logTail()}`)),
      );
    });
    failed.catch(() => {});
    await Promise.race([answers(this.address, 20_000), failed]);
  }

  logTail(): string {
    try {
      return readFileSync(join(this.dir, 'containerd.log'), 'utf8').trim().slice(-2000);
    } catch {
      return '(no log)';
    }
  }

  /** Ends and removes everything. Never throws for what is already gone. */
  stop(): void {
    if (this.stopped) return;
    this.stopped = true;
    unguard(this);
    const bundles = bundlesIn(join(this.dir, 'state/io.containerd.runtime.v2.task'));
    const daemonPid = this.daemon?.pid;
    if (daemonPid !== undefined && this.daemon?.exitCode === null) kill(daemonPid);
    // Shims first: a shim that lives answers the end of its container with work of its own.
    const shims = processesNaming(this.address);
    for (const pid of shims) kill(pid);
    const inits = bundles.flatMap((bundle) => initPid(bundle) ?? []);
    for (const pid of inits) kill(pid);
    waitGone([...shims, ...inits], 5_000);
    for (const bundle of bundles) removeShimSocket(bundle);
    removeRuncState(this.dir);
    unmountUnder(this.dir);
    const ids = bundles.map(lastPart);
    for (const parent of this.cgroupParents) removeCgroups(parent, ids);
    rmSync(this.dir, { recursive: true, force: true, maxRetries: 3 });
  }
}

const configToml = (dir: string, address: string): string => `version = 2
root = ${JSON.stringify(join(dir, 'root'))}
state = ${JSON.stringify(join(dir, 'state'))}
disabled_plugins = [
  "io.containerd.grpc.v1.cri",
  "io.containerd.snapshotter.v1.aufs",
  "io.containerd.snapshotter.v1.btrfs",
  "io.containerd.snapshotter.v1.devmapper",
  "io.containerd.snapshotter.v1.zfs",
  "io.containerd.internal.v1.opt",
  "io.containerd.internal.v1.tracing",
]
[grpc]
  address = ${JSON.stringify(address)}
[debug]
  level = "warn"
`;

async function answers(socket: string, limitMs: number): Promise<void> {
  const deadline = performance.now() + limitMs;
  while (performance.now() < deadline) {
    const ok = await new Promise<boolean>((resolve) => {
      const probe = createConnection(socket);
      probe.once('connect', () => resolve(true));
      probe.once('error', () => resolve(false));
      probe.once('close', () => resolve(false));
      probe.unref();
      probe.once('connect', () => probe.destroy());
    });
    if (ok) return;
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  throw new Error(`containerd did not answer on ${socket} within ${limitMs} ms`);
}

/** Bundle folders (<state>/<namespace>/<container>). */
function bundlesIn(root: string): string[] {
  return list(root).flatMap((namespace) =>
    list(join(root, namespace)).map((id) => join(root, namespace, id)),
  );
}

function initPid(bundle: string): number | undefined {
  try {
    const pid = Number(readFileSync(join(bundle, 'init.pid'), 'utf8'));
    // The pid may have been taken over by a stranger: only a process in the container's cgroup counts.
    return readFileSync(`/proc/${pid}/cgroup`, 'utf8').includes(lastPart(bundle)) ? pid : undefined;
  } catch {
    return undefined;
  }
}

/** Shims are started with `-address <socket>`. */
function processesNaming(socket: string): number[] {
  return list('/proc').flatMap((name) => {
    if (!/^\d+$/.test(name) || Number(name) === process.pid) return [];
    try {
      const words = readFileSync(`/proc/${name}/cmdline`, 'utf8').split('\0');
      const isShim = words[0]?.includes('containerd-shim') === true;
      return isShim && words.includes(socket) ? [Number(name)] : [];
    } catch {
      return [];
    }
  });
}

function removeShimSocket(bundle: string): void {
  try {
    const address = readFileSync(join(bundle, 'address'), 'utf8').trim();
    if (address.startsWith('unix:///')) rmSync(address.slice('unix://'.length), { force: true });
  } catch {
    // No address file: the shim never came up.
  }
}

/** runc keeps its state outside of our folder, by namespace and container id. */
function removeRuncState(dir: string): void {
  const root = '/run/containerd/runc';
  for (const namespace of list(root)) {
    for (const id of list(join(root, namespace))) {
      const path = join(root, namespace, id);
      try {
        const state = readFileSync(join(path, 'state.json'), 'utf8');
        if (state.includes(`bundle=${dir}/`)) rmSync(path, { recursive: true, force: true });
      } catch {
        // A container that is being made or removed by somebody else.
      }
    }
  }
}

function unmountUnder(dir: string): void {
  const points = readFileSync('/proc/self/mounts', 'utf8')
    .split('\n')
    .map((line) => (line.split(' ')[1] ?? '').replaceAll('\\040', ' '))
    .filter((point) => point.startsWith(`${dir}/`))
    .reverse();
  if (points.length > 0) spawnSync('umount', ['-l', ...points], { env: { PATH: searchPath() } });
}

/**
 * Containers that were killed around runc leave their cgroup. Only those of our own containers, also
 * when they are empty: another fixture's runc may be about to use the next one. The parent stays.
 */
function removeCgroups(parent: string, ids: readonly string[]): void {
  const roots = ['/sys/fs/cgroup', ...list('/sys/fs/cgroup').map((n) => `/sys/fs/cgroup/${n}`)];
  for (const root of roots) {
    for (const id of ids) {
      const path = join(root, parent, id);
      try {
        if (existsSync(join(path, 'cgroup.procs'))) rmdirSync(path);
      } catch {
        // Still in use, by a process that will not die.
      }
    }
  }
}

const lastPart = (path: string): string => path.slice(path.lastIndexOf('/') + 1);

function list(dir: string): string[] {
  try {
    return readdirSync(dir);
  } catch {
    return [];
  }
}

function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // Gone already.
  }
}

/** Fixtures that are up: stopped with the process, however it ends. */
const live = new Set<ContainerdFixture>();
const endings = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

function guard(fixture: ContainerdFixture): void {
  if (live.size === 0) {
    process.on('exit', stopAll);
    for (const signal of endings) process.prependListener(signal, onSignal);
  }
  live.add(fixture);
}

function unguard(fixture: ContainerdFixture): void {
  if (!live.delete(fixture) || live.size > 0) return;
  process.removeListener('exit', stopAll);
  for (const signal of endings) process.removeListener(signal, onSignal);
}

function stopAll(): void {
  for (const fixture of [...live]) fixture.stop();
}

/** An end by signal runs no exit handlers. Where somebody else listens, ending in order is theirs. */
function onSignal(signal: NodeJS.Signals): void {
  if (process.listenerCount(signal) > 1) return;
  stopAll();
  process.kill(process.pid, signal);
}

/** Blocks: see the top of the file. */
function waitGone(pids: readonly number[], limitMs: number): void {
  const nap = new Int32Array(new SharedArrayBuffer(4));
  const deadline = performance.now() + limitMs;
  const alive = (pid: number): boolean => {
    try {
      return !/^State:\s+[ZX]/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));
    } catch {
      return false;
    }
  };
  while (pids.some(alive) && performance.now() < deadline) Atomics.wait(nap, 0, 0, 5);
}
