/**
 * What one run of the orchestrator stands on: the draft, the time, new ids, and the wake-up it asks for.
 * Lives for one run and is thrown away: nothing is remembered between two runs.
 */
import type { TurnInput } from '@swarmkit/sdk/contracts/reconciler';
import type { Draft } from '@swarmkit/sdk/contracts/store';
import type { Cluster, Node } from '@swarmkit/sdk/wire/gen/swarmkit/objects';

export class World {
  readonly draft: Draft;
  /** Wall clock, ms. */
  readonly now: number;
  /** For new tasks. */
  readonly id: () => string;
  /** Slots looked at so far, of all services. */
  slotsRead = 0;
  private earliest: number | undefined;
  private allNodes: readonly Node[] | undefined;
  private defaultCluster: readonly Cluster[] | undefined;

  constructor(input: Omit<TurnInput, 'dirty'>) {
    this.draft = input.draft;
    this.now = input.now;
    this.id = () => input.id();
  }

  /** Asks for a run at this instant. What is not in the future needs none: it was acted on. */
  wakeAt(at: number): void {
    if (at > this.now && (this.earliest === undefined || at < this.earliest)) this.earliest = at;
  }

  get wake(): number | undefined {
    return this.earliest;
  }

  node(id: string): Node | undefined {
    return id === '' ? undefined : this.draft.get('node', id);
  }

  /** Stages before the scheduler do not write nodes, so one answer serves the whole run. */
  get nodes(): readonly Node[] {
    this.allNodes ??= this.draft.find('node', { by: 'all' });
    return this.allNodes;
  }

  get cluster(): Cluster | undefined {
    this.defaultCluster ??= this.draft.find('cluster', { by: 'name', value: 'default' });
    return this.defaultCluster[0];
  }
}

/**
 * When a span that began at `from` ends. Instants in the store may come from another manager's clock:
 * a beginning that lies further ahead than the whole span is not believed, and the span counts as over.
 * So no wait lasts longer than twice its span, whatever the clocks said.
 */
export const endOf = (from: number, spanMs: number, now: number): number =>
  from > now + spanMs ? now : from + spanMs;
