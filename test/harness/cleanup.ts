import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

/** What a test made and must not leave behind; undone last made first, also when the test failed. */
export class Cleanup {
  private readonly steps: { readonly what: string; readonly run: () => void | Promise<void> }[] =
    [];

  add(what: string, run: () => void | Promise<void>): void {
    this.steps.push({ what, run });
  }

  /** A folder of this test's own, short enough for socket paths. */
  folder(prefix = 'swk-'): string {
    const at = mkdtempSync(path.join(tmpdir(), prefix));
    this.add(`folder ${at}`, () => rmSync(at, { recursive: true, force: true }));
    return at;
  }

  /** Runs every step even when one fails, then throws the first failure. */
  async run(): Promise<void> {
    let first: unknown;
    for (const step of this.steps.splice(0).reverse())
      try {
        await step.run();
      } catch (cause) {
        first ??= new Error(`cleaning up ${step.what} failed`, { cause });
      }
    if (first !== undefined) throw first;
  }
}
