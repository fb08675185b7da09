/** The files of one task under the executor's runtime folder: pipes, /etc files, unnamed volumes. */
import { mkdir, readdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

export class TaskFolder {
  readonly files: {
    readonly hosts: string;
    readonly hostname: string;
    readonly resolvConf: string;
  };

  /** `dir` is this task's own. */
  constructor(readonly dir: string) {
    this.files = {
      hosts: join(dir, 'hosts'),
      hostname: join(dir, 'hostname'),
      resolvConf: join(dir, 'resolv.conf'),
    };
  }

  /** A volume without a name goes with its task. */
  anonymousVolume = (index: number): string => join(this.dir, 'volumes', String(index));

  /** Containers with other users read these files, so they are open to all. */
  async write(content: Readonly<Record<keyof TaskFolder['files'], string>>): Promise<void> {
    await mkdir(this.dir, { recursive: true, mode: 0o711 });
    await Promise.all([
      writeFile(this.files.hosts, content.hosts, { mode: 0o644 }),
      writeFile(this.files.hostname, content.hostname, { mode: 0o644 }),
      writeFile(this.files.resolvConf, content.resolvConf, { mode: 0o644 }),
    ]);
  }

  remove(): Promise<void> {
    return rm(this.dir, { recursive: true, force: true });
  }
}

/** Names of the task folders in `dir`. */
export async function taskFoldersIn(dir: string): Promise<readonly string[]> {
  try {
    return await readdir(dir);
  } catch {
    return [];
  }
}
