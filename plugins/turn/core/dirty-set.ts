import type { Dirty, ObjectRef } from '@swarmkit/sdk/contracts/reconciler';
import type { Change, ObjectKind } from '@swarmkit/sdk/contracts/store';

/** Ids that changed, gathered until a stage takes them. Starts as everything. */
export class DirtySet {
  private everything = true;
  private ids = new Map<ObjectKind, Set<string>>();
  private services = new Set<string>();
  private nodes = new Set<string>();

  get isEmpty(): boolean {
    return !this.everything && this.ids.size === 0;
  }

  add(changes: readonly Change[]): void {
    if (this.everything) return;
    for (const change of changes) {
      this.addOne(change);
      if (change.kind !== 'task') continue;
      const { serviceId, nodeId } = change.object;
      if (serviceId !== '') this.services.add(serviceId);
      if (nodeId !== '') this.nodes.add(nodeId);
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
    this.nodes = new Set();
  }

  /** Hands over what was gathered and starts anew, with nothing. */
  take(): Dirty {
    const { everything, ids, services, nodes } = this;
    this.everything = false;
    this.ids = new Map();
    this.services = new Set();
    this.nodes = new Set();
    return {
      everything,
      ids: (kind) => ids.get(kind) ?? noIds,
      servicesOfTasks: () => services,
      nodesOfTasks: () => nodes,
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
