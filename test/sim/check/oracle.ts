/**
 * The state as the committed entries make it, rebuilt from what stores publish: each entry once, the
 * first time that any manager applies it. Rules about objects are checked here, change by change and
 * entry by entry.
 */
import type { Change, Commit, ObjectKind, Objects } from '@swarmkit/sdk/contracts/store';
import type { Verdict } from './verdict.js';

type Shelf = { readonly [K in ObjectKind]: Map<string, Objects[K]> };

export interface Rule {
  /** After the entry; `oracle` shows the state with it, `change.old` what was before. */
  committed(commit: Commit, oracle: Oracle): void;
}

export class Oracle {
  readonly shelf: Shelf = {
    node: new Map(),
    service: new Map(),
    task: new Map(),
    network: new Map(),
    cluster: new Map(),
    secret: new Map(),
    config: new Map(),
    volume: new Map(),
    resource: new Map(),
    extension: new Map(),
  };
  /** `kind/id@version` of everything that was ever committed. */
  readonly versions = new Set<string>();
  index = 0n;
  commits = 0;
  private readonly rules: Rule[] = [];

  constructor(private readonly verdict: Verdict) {}

  add(rule: Rule): void {
    this.rules.push(rule);
  }

  commit(commit: Commit): void {
    if (commit.index <= this.index) return;
    this.index = commit.index;
    this.commits++;
    for (const change of commit.changes) this.change(change);
    for (const rule of this.rules) rule.committed(commit, this);
  }

  get<K extends ObjectKind>(kind: K, id: string): Objects[K] | undefined {
    return this.shelf[kind].get(id);
  }

  all<K extends ObjectKind>(kind: K): Iterable<Objects[K]> {
    return this.shelf[kind].values();
  }

  private change(change: Change): void {
    const shelf = this.shelf[change.kind] as Map<string, Objects[ObjectKind]>;
    const { id, action } = change;
    const known = shelf.has(id);
    this.verdict.holds(
      action === 'create' ? !known : known,
      'store rules',
      () =>
        `entry ${this.index} has a ${action} of ${change.kind} ${id}, which is ${known ? '' : 'not '}there`,
    );
    if (action === 'remove') {
      shelf.delete(id);
      return;
    }
    shelf.set(id, change.object);
    this.versions.add(versionKey(change.kind, change.object));
  }
}

export const versionKey = (kind: ObjectKind, object: Objects[ObjectKind]): string =>
  `${kind}/${object.id}@${object.meta?.version?.index ?? 0n}`;
