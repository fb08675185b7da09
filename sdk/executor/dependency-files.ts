/**
 * Secrets and configs of a task as files in memory, for executors to mount into a container read-only.
 * Never written to a disk: the folder must be on a file system in memory, and that is checked.
 */
import { chmod, chown, lstat, mkdir, rm, statfs, writeFile } from 'node:fs/promises';
import path from 'node:path';
import type { Dependencies } from '../contracts/executor.js';
import { SwarmError } from '../plugin/errors.js';
import type { ContainerSpec } from '../wire/gen/swarmkit/specs.js';

/** One file of the machine and where the container is to see it. */
export interface FileMount {
  readonly source: string;
  readonly target: string;
}

/** Where executors keep such files unless they are told otherwise. */
export const DEFAULT_MEMORY_DIR = '/run/swarmkit';

const TMPFS = 0x01021994;
const RAMFS = 0x858458f6;

export const hasDependencies = ({ secrets, configs }: ContainerSpec): boolean =>
  secrets.length + configs.length > 0;

/** All tasks' files below one folder of this executor's own. */
export class DependencyFiles {
  private ready: Promise<void> | undefined;

  constructor(private readonly dir: string) {}

  /**
   * Writes what the container refers to, anew each time: after a restart of the machine nothing is left.
   * Errors: EXECUTOR_DEPENDENCY (not-found: the node was not given it; invalid-argument: a bad owner),
   * EXECUTOR_NO_MEMORY (failed-precondition: the folder is not in memory or not ours).
   */
  async write(
    taskId: string,
    container: ContainerSpec,
    dependencies: Dependencies,
  ): Promise<readonly FileMount[]> {
    const files = [
      ...container.secrets.flatMap(({ secretId, target }) =>
        target?.$case === 'file'
          ? [
              {
                target: path.posix.resolve('/run/secrets', target.value.name),
                data: dependencies.secret(secretId)?.spec?.data,
                missing: `secret ${secretId} not found`,
                owner: target.value,
              },
            ]
          : [],
      ),
      ...container.configs.flatMap(({ configId, target }) =>
        target?.$case === 'file'
          ? [
              {
                target: path.posix.resolve('/', target.value.name),
                data: dependencies.config(configId)?.spec?.data,
                missing: `config ${configId} not found`,
                owner: target.value,
              },
            ]
          : [],
      ),
    ];
    if (files.length === 0) return [];
    await this.prepare();
    const folder = this.folder(taskId);
    await mkdir(folder, { recursive: true, mode: 0o700 });
    const mounts: FileMount[] = [];
    for (const [i, { target, data, missing, owner }] of files.entries()) {
      if (data === undefined) throw new SwarmError('not-found', 'EXECUTOR_DEPENDENCY', missing);
      const source = path.join(folder, String(i));
      // A container that runs has it mounted: the same file is filled again, never replaced.
      await writeFile(source, data, { mode: 0o600 });
      await chown(source, numeric(owner.uid, 'user'), numeric(owner.gid, 'group'));
      await chmod(source, owner.mode & 0o7777);
      mounts.push({ source, target });
    }
    return mounts;
  }

  async remove(taskId: string): Promise<void> {
    await rm(this.folder(taskId), { recursive: true, force: true });
  }

  private folder(taskId: string): string {
    return path.join(this.dir, path.basename(taskId));
  }

  private prepare(): Promise<void> {
    this.ready ??= this.makeFolder().catch((error: unknown) => {
      this.ready = undefined;
      throw error;
    });
    return this.ready;
  }

  private async makeFolder(): Promise<void> {
    await mkdir(this.dir, { recursive: true, mode: 0o700 });
    const { type } = await statfs(this.dir);
    if (type !== TMPFS && type !== RAMFS)
      throw unfit(`${this.dir} is not on a file system in memory`);
    const { uid } = await lstat(this.dir);
    if (uid !== process.getuid?.()) throw unfit(`${this.dir} belongs to another user`);
    await chmod(this.dir, 0o700);
  }
}

function numeric(id: string, what: string): number {
  if (/^\d{1,10}$/.test(id)) return Number(id);
  if (id === '') return 0;
  throw new SwarmError(
    'invalid-argument',
    'EXECUTOR_DEPENDENCY',
    `the ${what} "${id}" of a secret's or config's file must be a number`,
  );
}

const unfit = (problem: string): SwarmError =>
  new SwarmError(
    'failed-precondition',
    'EXECUTOR_NO_MEMORY',
    `${problem}, so secrets cannot be put there: name a folder on a tmpfs as the executor's memoryDir`,
  );
