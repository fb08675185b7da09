/**
 * Secrets and configs of a task for a process that sees the machine's own files: in memory, readable by the
 * process's user alone, below a folder that stands for the root of a container (`/run/secrets/key` is
 * `<folder>/run/secrets/key`). A variable tells the process where it is.
 */
import { mkdir, rm, symlink } from 'node:fs/promises';
import path from 'node:path';
import type { Dependencies } from '@swarmkit/sdk/contracts/executor';
import type { DependencyFiles } from '@swarmkit/sdk/executor/dependency-files';
import type { ContainerSpec } from '@swarmkit/sdk/wire/gen/swarmkit/specs';

/** Written anew, so that nothing of an earlier attempt is left. undefined where the task refers to nothing. */
export async function dependencyTree(
  files: DependencyFiles,
  taskId: string,
  container: ContainerSpec,
  dependencies: Dependencies,
): Promise<string | undefined> {
  const mounts = await files.write(taskId, container, dependencies);
  const [first] = mounts;
  if (first === undefined) return undefined;
  const root = path.join(path.dirname(first.source), 'root');
  await rm(root, { recursive: true, force: true });
  for (const { source, target } of mounts) {
    // The target is absolute and without dots: it cannot lead out of the folder.
    const link = path.join(root, target);
    await mkdir(path.dirname(link), { recursive: true, mode: 0o700 });
    await symlink(source, link);
  }
  return root;
}
