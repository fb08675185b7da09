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

/** Where executors keep such files unless they are told otherwise: the first that is in memory. */
const MEMORY_DIRS = ['/run/swarmkit', '/dev/shm/swarmkit'];

const TMPFS = 0x01021994;
const RAMFS = 0x858458f6;

export const hasDependencies = ({ secrets, configs }: ContainerSpec): boolean =>
  secrets.length + configs.length > 0;

/** All tasks' files below one folder of this executor's own. */
export class DependencyFiles {
  private ready: Promise<string> | undefined;

  /**
   * `dir` must be on a tmpfs; without one a usual place is taken. `name` is the executor's own folder in it.
   * `owners`: whether files are given to whom the spec says, or stay with the user of this process.
   */
  constructor(
    private readonly dir: string | undefined,
    private readonly name: string,
    private readonly owners: 'as-asked' | 'this-user' = 'as-asked',
  ) {}

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
    const folder = path.join(await this.prepare(), path.basename(taskId));
    await mkdir(folder, { recursive: true, mode: 0o700 });
    const mounts: FileMount[] = [];
    for (const [i, { target, data, missing, owner }] of files.entries()) {
      if (data === undefined) throw new SwarmError('not-found', 'EXECUTOR_DEPENDENCY', missing);
      const source = path.join(folder, String(i));
      // A container that runs has it mounted: the same file is filled again, never replaced.
      await writeFile(source, data, { mode: 0o600 });
      if (this.owners === 'as-asked') {
        await chown(source, numeric(owner.uid, 'user'), numeric(owner.gid, 'group'));
        await chmod(source, owner.mode & 0o7777);
      }
      mounts.push({ source, target });
    }
    return mounts;
  }

  async remove(taskId: string): Promise<void> {
    for (const dir of this.candidates)
      await rm(path.join(dir, path.basename(taskId)), { recursive: true, force: true });
  }

  private get candidates(): readonly string[] {
    return (this.dir === undefined ? MEMORY_DIRS : [this.dir]).map((dir) =>
      path.join(dir, this.name),
    );
  }

  private prepare(): Promise<string> {
    this.ready ??= this.firstFit().catch((error: unknown) => {
      this.ready = undefined;
      throw error;
    });
    return this.ready;
  }

  private async firstFit(): Promise<string> {
    let problem: unknown;
    for (const dir of this.candidates)
      try {
        await makeFolder(dir);
        return dir;
      } catch (error) {
        problem ??= error;
      }
    throw problem;
  }
}

async function makeFolder(dir: string): Promise<void> {
  const { type } = await statfs(await firstThere(dir));
  if (type !== TMPFS && type !== RAMFS) throw unfit(`${dir} is not on a file system in memory`);
  await mkdir(dir, { recursive: true, mode: 0o700 });
  for (const own of [path.dirname(dir), dir])
    if ((await lstat(own)).uid !== process.getuid?.())
      throw unfit(`${own} belongs to another user`);
  await chmod(dir, 0o700);
}

/** The folder, or the nearest one above it that exists. */
async function firstThere(dir: string): Promise<string> {
  const found = await lstat(dir).catch(() => undefined);
  return found === undefined && dir !== '/' ? firstThere(path.dirname(dir)) : dir;
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
