#!/usr/bin/env node
import { run } from './run.js';

/** The daemon, module by module, as it is built. What is installed is `swarmd.ts`. */

await run(process.argv.slice(2));
