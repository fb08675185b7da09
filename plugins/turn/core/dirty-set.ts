import type { Dirty, ObjectRef } from '@swarmkit/sdk/contracts/reconciler';
import type { Change, ObjectKind } from '@swarmkit/sdk/contracts/store';

/** Ids that changed, gathered until a stage takes them. Starts as everything. */
export class DirtySet {
  private everything = true;
  private ids = new Map<ObjectKind, Set<string>>();
  private services = new Set<string>();

  get isEmpty(): boolean {
    return !this.everything && this.ids.size === 0;
  }

  add(changes: readonly Change[]): void {
    if (this.everything) return;
    for (const change of changes) {
      this.addOne(change);
      if (change.kind === 'task' && change.object.serviceId !== '')
        this.services.add(change.object.serviceId);
    }
  }

  /** What a stage has left over of its own. */
  addLeft(left: readonly ObjectRef[]): void {
    if (this.everything) return;
    for (const one of left) this.addOne(one);
  }

  addEverything(): void {
    this.everything = true;
    this.ids = new Map();
    this.services = new Set();
  }

  /** Hands over what was gathered and starts anew, with nothing. */
  take(): Dirty {
    const { everything, ids, services } = this;
    this.everything = false;
    this.ids = new Map();
    this.services = new Set();
    return {
      everything,
      ids: (kind) => ids.get(kind) ?? noIds,
      servicesOfTasks: () => services,
    };
  }

  private addOne({ kind, id }: ObjectRef): void {
    let ids = this.ids.get(kind);
    if (ids === undefined) {
      ids = new Set();
      this.ids.set(kind, ids);
    }
    ids.add(id);
  }
}

const noIds: ReadonlySet<string> = new Set();
