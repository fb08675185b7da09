import type {
  AddressTally,
  By,
  NodeTally,
  ObjectKind,
  Objects,
  Pin,
  SlotTally,
  View,
} from '@swarmkit/sdk/contracts/store';
import { invariant } from '@swarmkit/sdk/plugin/errors';
import { HeldAddresses } from './address-tally.js';
import { find, keysOf } from './find.js';
import { ServiceSlots } from './slot-tally.js';
import type { State } from './state.js';
import { Tally } from './tally.js';

/** A view of whatever state it is asked to look at; each call looks anew. */
export class StateView implements View {
  constructor(
    private readonly stateNow: () => State,
    private readonly indexNow: () => bigint,
  ) {}

  get index(): bigint {
    return this.indexNow();
  }

  get<K extends ObjectKind>(kind: K, id: string): Objects[K] | undefined {
    return this.stateNow()[kind].objects.get(id);
  }

  find<K extends ObjectKind>(kind: K, by: By): readonly Objects[K][] {
    return find(this.stateNow(), kind, by);
  }

  count(kind: ObjectKind): number {
    return this.stateNow()[kind].objects.size;
  }

  tally(nodeId: string): NodeTally {
    return this.stateNow().task.tallies.get(nodeId) ?? Tally.none;
  }

  slots(serviceId: string): SlotTally {
    return this.stateNow().task.slots.get(serviceId) ?? ServiceSlots.none;
  }

  servicesWithTasks(): readonly string[] {
    return keysOf(this.stateNow(), 'task', 'service');
  }

  addresses(networkId: string): AddressTally {
    return this.stateNow().network.addresses.get(networkId) ?? HeldAddresses.none;
  }
}

/** One state, kept. Holding it keeps the objects that were changed since; nothing is copied. */
export class StatePin extends StateView implements Pin {
  private state: State | undefined;

  constructor(state: State, index: bigint) {
    super(
      () => this.held(),
      () => index,
    );
    this.state = state;
  }

  release(): void {
    this.state = undefined;
  }

  private held(): State {
    invariant(this.state !== undefined, 'STORE_PIN_RELEASED', { index: this.index });
    return this.state;
  }
}
