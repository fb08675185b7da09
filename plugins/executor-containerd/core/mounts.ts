/**
 * A task's mounts: checked as Docker's executor checks them, then split into what the OCI runtime
 * mounts and what must exist on the host first.
 */
import { SwarmError } from '@swarmkit/sdk/plugin/errors';
import {
  type Mount,
  Mount_BindOptions_Propagation as Propagation,
  Mount_Type,
  type Mount_TmpfsOptions,
} from '@swarmkit/sdk/wire/gen/swarmkit/types';
import type { OciMount } from './oci-types.js';

export interface PlannedMounts {
  readonly mounts: readonly OciMount[];
  /** Sources of bind mounts that must be there; `create` ones are made as folders. */
  readonly bindSources: readonly { readonly path: string; readonly create: boolean }[];
  /** Folders of volumes, made when missing. */
  readonly volumeDirs: readonly string[];
}

/** A file that only its users may see, and nobody may change. */
export const fileMount = (source: string, destination: string): OciMount => ({
  destination,
  type: 'bind',
  source,
  options: ['bind', 'ro', 'nosuid', 'nodev', 'noexec', 'rprivate'],
});

/**
 * `volumeDir` gives the host folder of a volume by name; `anonymousDir` that of a volume without a
 * name, which lives and goes with the task.
 */
export function planMounts(
  mounts: readonly Mount[],
  volumeDir: (name: string) => string,
  anonymousDir: (index: number) => string,
): PlannedMounts {
  const planned: OciMount[] = [];
  const bindSources: { path: string; create: boolean }[] = [];
  const volumeDirs: string[] = [];
  mounts.forEach((mount, index) => {
    if (!mount.target.startsWith('/'))
      throw invalid(`invalid mount target, must be an absolute path: ${mount.target}`);
    switch (mount.type) {
      case Mount_Type.BIND:
        planned.push(bind(mount));
        bindSources.push({
          path: mount.source,
          create: mount.bindOptions?.createmountpoint === true,
        });
        break;
      case Mount_Type.VOLUME: {
        const dir = mount.source === '' ? anonymousDir(index) : volumeDir(volumeName(mount));
        planned.push(volume(mount, dir));
        volumeDirs.push(dir);
        break;
      }
      case Mount_Type.TMPFS:
        planned.push(tmpfs(mount));
        break;
      default:
        throw unsupported(
          `mount ${mount.target}: named pipes and cluster volumes are not supported by the containerd executor`,
        );
    }
  });
  return { mounts: planned, bindSources, volumeDirs };
}

function bind(mount: Mount): OciMount {
  if (!mount.source.startsWith('/'))
    throw invalid(`invalid bind mount source, must be an absolute path: ${mount.source}`);
  const options = mount.bindOptions;
  return {
    destination: mount.target,
    type: 'bind',
    source: mount.source,
    options: [
      options?.nonrecursive === true ? 'bind' : 'rbind',
      ...(mount.readonly ? ['ro'] : []),
      propagations[options?.propagation ?? Propagation.RPRIVATE] ?? 'rprivate',
    ],
  };
}

function volumeName(mount: Mount): string {
  if (mount.source.startsWith('/'))
    throw invalid(`invalid volume mount source, must not be an absolute path: ${mount.source}`);
  if (!/^[a-zA-Z0-9][a-zA-Z0-9_.-]*$/.test(mount.source))
    throw invalid(
      `"${mount.source}" includes invalid characters for a local volume name, only "[a-zA-Z0-9][a-zA-Z0-9_.-]" are allowed`,
    );
  return mount.source;
}

function volume(mount: Mount, source: string): OciMount {
  const driver = mount.volumeOptions?.driverConfig;
  if (driver !== undefined && driver.name !== '' && driver.name !== 'local')
    throw unsupported(
      `volume ${mount.source}: the volume driver "${driver.name}" is not supported; only local is`,
    );
  if ((mount.volumeOptions?.subpath ?? '') !== '')
    throw unsupported(`volume ${mount.source}: a subpath is not supported`);
  return {
    destination: mount.target,
    type: 'bind',
    source,
    options: ['rbind', ...(mount.readonly ? ['ro'] : []), 'rprivate'],
  };
}

function tmpfs(mount: Mount): OciMount {
  if (mount.source !== '') throw invalid('invalid tmpfs source, source must be empty');
  return {
    destination: mount.target,
    type: 'tmpfs',
    source: 'tmpfs',
    options: ['nosuid', 'nodev', ...tmpfsOptions(mount.readonly, mount.tmpfsOptions)],
  };
}

function tmpfsOptions(readonly: boolean, options: Mount_TmpfsOptions | undefined): string[] {
  // The free-form options come as JSON or as a comma list; of them only (no)exec is honoured.
  const words = new Set((options?.options ?? '').split(/[^a-z]+/));
  return [
    words.has('exec') ? 'exec' : 'noexec',
    ...(readonly ? ['ro'] : []),
    ...(options !== undefined && options.mode !== 0 ? [`mode=${options.mode.toString(8)}`] : []),
    ...(options !== undefined && options.sizeBytes > 0n ? [`size=${options.sizeBytes}`] : []),
  ];
}

const propagations: Readonly<Record<number, string>> = {
  [Propagation.RPRIVATE]: 'rprivate',
  [Propagation.PRIVATE]: 'private',
  [Propagation.RSHARED]: 'rshared',
  [Propagation.SHARED]: 'shared',
  [Propagation.RSLAVE]: 'rslave',
  [Propagation.SLAVE]: 'slave',
};

const invalid = (sentence: string): SwarmError =>
  new SwarmError('invalid-argument', 'CONTAINERD_SPEC_INVALID', sentence);

const unsupported = (sentence: string): SwarmError =>
  new SwarmError('unimplemented', 'CONTAINERD_UNSUPPORTED', sentence);
