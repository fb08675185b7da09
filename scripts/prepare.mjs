// Brings a fresh clone to the point where something can run: packages, engines, build.
// Plain JavaScript without dependencies, since it runs before anything is installed.
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { createHash } from 'node:crypto';
import { fileURLToPath } from 'node:url';
import path from 'node:path';

export const root = path.dirname(path.dirname(fileURLToPath(import.meta.url)));

/** Runs a command to its end with our own output; exits the process with one sentence when it fails. */
export function must(what, command, args, options = {}) {
  const done = spawnSync(command, args, { cwd: root, stdio: 'inherit', ...options });
  if (done.status !== 0) {
    const why = done.error ? done.error.message : `exit status ${done.status ?? done.signal}`;
    console.error(`${what} failed: ${command} ${args.join(' ')}: ${why}`);
    process.exit(1);
  }
  return done;
}

/**
 * Installs what package-lock.json says, when that is not what is installed. Not `npm ci`: it refuses a lock
 * file that leaves out builds for other platforms which a registry does not have.
 */
export function installPackages() {
  const lock = createHash('sha256')
    .update(readFileSync(path.join(root, 'package-lock.json')))
    .digest('hex');
  const stamp = path.join(root, 'node_modules', '.swarmkit-lock');
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === lock) return;
  console.log('Installing npm packages …');
  must(
    'Installing npm packages',
    'npm',
    ['install', '--no-save', '--no-audit', '--no-fund', '--loglevel=error'],
    {
      stdio: ['ignore', 2, 2],
    },
  );
  writeFileSync(stamp, lock);
}

export function build() {
  must('The build', path.join(root, 'node_modules/.bin/tsc'), ['-b']);
}

const has = (command) =>
  (process.env.PATH ?? '')
    .split(':')
    .concat('/usr/sbin', '/sbin')
    .some((folder) => {
      try {
        return statSync(path.join(folder, command)).isFile();
      } catch {
        return false;
      }
    });

/** Debian package a command comes from. */
const packageOf = {
  containerd: 'containerd',
  runc: 'runc',
  busybox: 'busybox-static',
  dockerd: 'docker.io',
  docker: 'docker.io',
  protoc: 'protobuf-compiler',
  openssl: 'openssl',
  ip: 'iproute2',
  nft: 'nftables',
  etcd: 'etcd-server',
};

/**
 * Makes sure that the named commands exist; installs what is missing with apt where this is root on
 * Debian or Ubuntu and says so. Returns the commands that are still missing.
 */
export function engines(commands) {
  const missing = () => commands.filter((command) => !has(command));
  if (missing().length === 0) return [];
  const packages = [...new Set(missing().map((command) => packageOf[command] ?? command))];
  if (process.getuid?.() !== 0 || !has('apt-get')) return missing();
  console.log(`Installing ${packages.join(', ')} with apt …`);
  const apt = (...args) =>
    spawnSync('apt-get', ['-q', '-y', ...args], {
      stdio: ['ignore', 'ignore', 'inherit'],
      env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' },
    }).status === 0;
  if (!apt('install', '--no-install-recommends', ...packages)) {
    apt('update');
    apt('install', '--no-install-recommends', ...packages);
  }
  return missing();
}
