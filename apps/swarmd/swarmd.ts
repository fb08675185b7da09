#!/usr/bin/env node
// The daemon out of one file (`npm run build` makes it): finding, reading and compiling 900 modules takes
// a second of processor time, which is most of what a node needs to join. The compiled code is kept
// beside it, and is passed over by another version of Node. Without the file it is `main.ts`.
import { existsSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import { Script } from 'node:vm';
import type { run as Run } from './run.js';

const file = fileURLToPath(new URL('./bundle.cjs', import.meta.url));

async function loaded(): Promise<typeof Run> {
  if (!existsSync(file)) return (await import('./run.js')).run;
  const code = `${file}.code`;
  const script = new Script(readFileSync(file, 'utf8'), {
    filename: file,
    ...(existsSync(code) ? { cachedData: readFileSync(code) } : {}),
  });
  const body = script.runInThisContext() as (
    require: NodeJS.Require,
    importHere: (url: string) => Promise<unknown>,
  ) => { readonly run: typeof Run };
  return body(createRequire(file), (url) => import(url)).run;
}

const run = await loaded();
await run(process.argv.slice(2));
