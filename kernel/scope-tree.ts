import { refusal } from './errors.js';

/** Scope name -> the scope around it, outer scopes first. Only the first has none around it. */
export type ScopeTree = Readonly<Record<string, string | undefined>>;

/** The scopes of the standard daemon. The only cluster words in the kernel, and they are data. */
const STANDARD = { node: undefined, manager: 'node', leader: 'manager', agent: 'node' };

/** For each scope, outer ones first, the scopes around it: itself, the nearest, …, the outermost. */
export function scopePaths(tree: ScopeTree = STANDARD): ReadonlyMap<string, readonly string[]> {
  const paths = new Map<string, readonly string[]>();
  for (const [name, outer] of Object.entries(tree)) {
    const around = outer === undefined ? [] : paths.get(outer);
    if (around === undefined || (paths.size > 0 && outer === undefined))
      throw refusal('KERNEL_SCOPE_TREE', `the scope ${name} must come after one scope around it`);
    paths.set(name, [name, ...around]);
  }
  return paths;
}
