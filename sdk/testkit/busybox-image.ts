/**
 * A small local image made of the machine's static busybox, as a docker-archive (what `docker load`
 * reads and executor-containerd imports). For tests, benches and the demo, which must not need a
 * registry. The same input gives the same bytes, so digests can be compared.
 */
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { type TarEntry, writeTar } from './tar-writer.js';

export interface BusyboxImageOptions {
  /** Default `swarmkit.local/busybox:latest`: a registry that does not exist, so nothing is pulled by mistake. */
  readonly reference?: string;
  /** Path in the image to its text; parents are made. */
  readonly files?: Readonly<Record<string, string>>;
  /** OCI image configuration (`Env`, `Cmd`, `Entrypoint`, `User`, `WorkingDir`, `StopSignal`, `Healthcheck`, …). */
  readonly config?: Readonly<Record<string, unknown>>;
}

export const BUSYBOX_REFERENCE = 'swarmkit.local/busybox:latest';

/** Where the static busybox is, or undefined: `apt-get install busybox-static` brings it. */
export function busyboxPath(): string | undefined {
  return ['/bin/busybox', '/usr/bin/busybox'].find((path) => existsSync(path) && isStatic(path));
}

/** A dynamic program names its loader; in an image without libraries it cannot run. */
const isStatic = (path: string): boolean => !readFileSync(path).includes('/ld-linux');

const architectures: Readonly<Record<string, string>> = {
  x64: 'amd64',
  arm64: 'arm64',
  arm: 'arm',
};

export function buildBusyboxArchive(options: BusyboxImageOptions = {}): Buffer {
  const layer = writeTar(rootfs(options.files ?? {}));
  const layerDigest = sha256(layer);
  const config = Buffer.from(
    JSON.stringify({
      architecture: architectures[process.arch] ?? process.arch,
      os: 'linux',
      created: '1970-01-01T00:00:00Z',
      config: {
        Env: ['PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'],
        Cmd: ['sh'],
        ...options.config,
      },
      rootfs: { type: 'layers', diff_ids: [`sha256:${layerDigest}`] },
      history: [{ created: '1970-01-01T00:00:00Z', created_by: 'swarmkit testkit' }],
    }),
  );
  const configName = `${sha256(config)}.json`;
  const manifest = [
    {
      Config: configName,
      RepoTags: [options.reference ?? BUSYBOX_REFERENCE],
      Layers: [`${layerDigest}/layer.tar`],
    },
  ];
  return writeTar([
    { name: `${layerDigest}/`, mode: 0o755 },
    { name: `${layerDigest}/layer.tar`, mode: 0o644, data: layer },
    { name: configName, mode: 0o644, data: config },
    { name: 'manifest.json', mode: 0o644, data: Buffer.from(JSON.stringify(manifest)) },
  ]);
}

function rootfs(files: Readonly<Record<string, string>>): TarEntry[] {
  const path = busyboxPath();
  if (path === undefined)
    throw new Error('a static busybox is needed; install it with: apt-get install busybox-static');
  const applets = spawnSync(path, ['--list'], { encoding: 'utf8' })
    .stdout.split('\n')
    .filter(Boolean);
  const entries = new Map<string, TarEntry>();
  const put = (entry: TarEntry): void => void entries.set(entry.name, entry);
  for (const dir of [
    'bin',
    'dev',
    'etc',
    'home',
    'home/app',
    'proc',
    'root',
    'sys',
    'usr',
    'usr/bin',
    'var',
  ])
    put({ name: `${dir}/`, mode: 0o755 });
  put({ name: 'tmp/', mode: 0o1777 });
  put({ name: 'bin/busybox', mode: 0o755, data: readFileSync(path) });
  for (const applet of applets) {
    if (applet !== 'busybox') put({ name: `bin/${applet}`, mode: 0o777, link: '/bin/busybox' });
  }
  put(text('etc/passwd', passwd));
  put(text('etc/group', group));
  for (const [name, content] of Object.entries(files)) {
    const clean = name.replace(/^\/+/, '');
    const parts = clean.split('/');
    for (let i = 1; i < parts.length; i++) {
      const dir = `${parts.slice(0, i).join('/')}/`;
      if (!entries.has(dir)) put({ name: dir, mode: 0o755 });
    }
    put(text(clean, content));
  }
  return [...entries.values()];
}

const text = (name: string, content: string): TarEntry => ({
  name,
  mode: content.startsWith('#!') ? 0o755 : 0o644,
  data: Buffer.from(content),
});

const passwd = `root:x:0:0:root:/root:/bin/sh
app:x:1000:1001:app:/home/app:/bin/sh
nobody:x:65534:65534:nobody:/home:/bin/false
`;

const group = `root:x:0:
wheel:x:10:root
app:x:1001:
extra:x:2000:app
nobody:x:65534:
`;

const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');
