import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

/** The project's own TypeScript, read as text: what the house rules are checked against. */

/** This file runs as test/dist/house/source-files.js. */
export const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '../../..');

export interface SourceFile {
  /** Relative to the root, with forward slashes. */
  readonly path: string;
  readonly text: string;
  readonly lines: number;
}

const rooms = ['sdk', 'kernel', 'plugins', 'apps', 'examples', 'test'];
const skipped = new Set(['dist', 'node_modules', 'gen']);

export function sourceFiles(): readonly SourceFile[] {
  const found: SourceFile[] = [];
  const walk = (folder: string): void => {
    for (const entry of readdirSync(folder, { withFileTypes: true })) {
      const full = path.join(folder, entry.name);
      if (entry.isDirectory()) {
        if (!skipped.has(entry.name)) walk(full);
      } else if (entry.name.endsWith('.ts')) {
        const text = readFileSync(full, 'utf8');
        found.push({
          path: path.relative(root, full).split(path.sep).join('/'),
          text,
          lines: text.split('\n').length - 1,
        });
      }
    }
  };
  for (const room of rooms) walk(path.join(root, room));
  return found.sort((a, b) => (a.path < b.path ? -1 : 1));
}

export const isTest = (file: string): boolean =>
  /(^|\/)(test|testkit)\//.test(file) || file.endsWith('.test.ts');

export interface Import {
  readonly target: string;
  readonly typeOnly: boolean;
}

/** Static and dynamic imports and re-exports. Text, not syntax: good enough for code that is formatted. */
export function importsOf(file: SourceFile): readonly Import[] {
  const found: Import[] = [];
  const source = file.text.replace(/\/\*[\s\S]*?\*\//g, '').replace(/^\s*\/\/.*$/gm, '');
  for (const match of source.matchAll(
    /^(?:import|export)\s+(type\s)?(?:[\w*{][^;'"]*?\sfrom\s+)?['"]([^'"]+)['"]/gm,
  ))
    found.push({ target: match[2] as string, typeOnly: match[1] !== undefined });
  for (const match of source.matchAll(/\bimport\(\s*['"]([^'"]+)['"]\s*\)/g))
    found.push({ target: match[1] as string, typeOnly: false });
  return found;
}
