import { execFile } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';
import { markerVariable } from '../core/process-spec.js';

/** What is on disk of one task: pipes, pid, exit code. All that a restarted daemon needs to know. */
export class TaskFolder {
  readonly path: string;

  constructor(
    root: string,
    readonly taskId: string,
  ) {
    this.path = path.join(root, taskId);
  }

  file(name: string): string {
    return path.join(this.path, name);
  }

  /** False when it was there before. Pipes are made first and the mark last, so a crash leaves no half. */
  async prepare(): Promise<boolean> {
    if (this.prepared) return false;
    await mkdir(this.path, { recursive: true, mode: 0o700 });
    for (const pipe of ['stdout', 'stderr'])
      if (!existsSync(this.file(pipe))) await promisify(execFile)('mkfifo', [this.file(pipe)]);
    await writeFile(this.file('prepared'), '');
    return true;
  }

  get prepared(): boolean {
    return existsSync(this.file('prepared'));
  }

  /** A supervisor took the task up; its process may not be there yet. */
  get started(): boolean {
    return existsSync(this.file('started'));
  }

  /** Process id of the task; 0 before it started. */
  get pid(): number {
    return this.number('pid') ?? 0;
  }

  get exitCode(): number | undefined {
    return this.number('exit');
  }

  /** Whether the process lives and is ours: the pid may have gone to someone else meanwhile. */
  get alive(): boolean {
    const { pid } = this;
    if (pid === 0) return false;
    try {
      const environment = readFileSync(`/proc/${pid}/environ`, 'latin1');
      if (environment !== '')
        return environment.split('\0').includes(`${markerVariable}=${this.taskId}`);
      // Empty for a zombie, and for a moment while the process becomes its program.
      const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
      return !/^[ZX]/.test(stat.slice(stat.lastIndexOf(')') + 2));
    } catch {
      return false;
    }
  }

  async remove(): Promise<void> {
    await rm(this.path, { recursive: true, force: true });
  }

  private number(name: string): number | undefined {
    try {
      return Number(readFileSync(this.file(name), 'utf8'));
    } catch {
      return undefined;
    }
  }
}

export const tasksIn = (root: string): readonly string[] =>
  existsSync(root)
    ? readdirSync(root, { withFileTypes: true })
        .filter((entry) => entry.isDirectory())
        .map((entry) => entry.name)
    : [];
