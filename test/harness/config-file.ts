import { writeFileSync } from 'node:fs';
import path from 'node:path';
import type { Cleanup } from './cleanup.js';

/** A configuration file for swarmd with these plugins' words; JSON is YAML too. Its path. */
export function configFile(cleanup: Cleanup, plugins: Readonly<Record<string, object>>): string {
  const file = path.join(cleanup.folder(), 'swarmd.yaml');
  writeFileSync(file, JSON.stringify({ plugins }));
  return file;
}
