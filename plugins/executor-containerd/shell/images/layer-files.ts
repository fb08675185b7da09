/**
 * Reads small files of an image without mounting it: the snapshotter says which folders it would stack,
 * and we look through them from the top, never following a link out of them.
 */
import { lstat, readFile, readlink } from 'node:fs/promises';
import { join } from 'node:path';
import type { Env } from '@swarmkit/sdk/plugin/env';
import { SnapshotsService } from '@swarmkit/sdk/wire/gen/containerd/services/snapshots/v1/snapshots';
import type { Mount } from '@swarmkit/sdk/wire/gen/containerd/types/mount';
import type { ContainerdConnection } from '../containerd/connection.js';

const LINK_BOUND = 16;
const FILE_BOUND = 1 << 20;

/** The text of each path; '' for a file that is not there. */
export async function readImageFiles<Name extends string>(
  containerd: ContainerdConnection,
  image: { readonly snapshotter: string; readonly chainId: string },
  paths: Readonly<Record<Name, string>>,
  env: Env,
): Promise<Record<Name, string>> {
  const { snapshotter, chainId } = image;
  const found = {} as Record<Name, string>;
  const names = Object.keys(paths) as Name[];
  if (chainId === '') {
    for (const name of names) found[name] = '';
    return found;
  }
  const key = `view-${env.id()}`;
  const view = await containerd.unary(SnapshotsService.view, {
    snapshotter,
    key,
    parent: chainId,
    labels: {},
  });
  try {
    const layers = layerFolders(view.mounts);
    for (const name of names) found[name] = await readFrom(layers, paths[name]);
    return found;
  } finally {
    await containerd.find(SnapshotsService.remove, { snapshotter, key }).catch(() => undefined);
  }
}

/** Topmost first. */
function layerFolders(mounts: readonly Mount[]): readonly string[] {
  return mounts.flatMap((mount) => {
    const option = (name: string): readonly string[] =>
      mount.options
        .find((text) => text.startsWith(`${name}=`))
        ?.slice(name.length + 1)
        .split(':') ?? [];
    return mount.type === 'overlay'
      ? [...option('upperdir'), ...option('lowerdir')]
      : [mount.source];
  });
}

async function readFrom(layers: readonly string[], path: string): Promise<string> {
  let parts = path.split('/').filter(Boolean);
  let resolved: string[] = [];
  for (let links = 0; parts.length > 0; ) {
    const [part = '', ...rest] = parts;
    parts = rest;
    if (part === '.') continue;
    if (part === '..') {
      resolved = resolved.slice(0, -1);
      continue;
    }
    const here = [...resolved, part];
    const found = await topmost(layers, here);
    if (found === undefined || (found.kind === 'file' && rest.length > 0)) return '';
    if (found.kind === 'file') return found.size > FILE_BOUND ? '' : readFile(found.path, 'utf8');
    if (found.kind === 'folder') resolved = here;
    else {
      if (++links > LINK_BOUND) return '';
      const target = await readlink(found.path);
      if (target.startsWith('/')) resolved = [];
      parts = [...target.split('/').filter(Boolean), ...rest];
    }
  }
  return '';
}

interface Found {
  readonly kind: 'file' | 'folder' | 'link';
  readonly path: string;
  readonly size: number;
}

/** The entry that the stack shows at this place; its parents are real folders in the stack. */
async function topmost(
  layers: readonly string[],
  parts: readonly string[],
): Promise<Found | undefined> {
  for (const layer of layers) {
    let path = layer;
    for (const [depth, part] of parts.entries()) {
      path = join(path, part);
      const entry = await lstat(path).catch(() => undefined);
      if (entry === undefined) break;
      const last = depth === parts.length - 1;
      if (last && entry.isFile()) return { kind: 'file', path, size: entry.size };
      if (last && entry.isDirectory()) return { kind: 'folder', path, size: 0 };
      if (last && entry.isSymbolicLink()) return { kind: 'link', path, size: 0 };
      // A whiteout, or something else in the place of a folder: what lies below is hidden.
      if (!entry.isDirectory()) return undefined;
    }
  }
  return undefined;
}
