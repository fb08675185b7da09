import type { Identity, NodeIdentity } from '@swarmkit/sdk/contracts/identity';
import type { ScopeGate } from '@swarmkit/sdk/contracts/scope-gate';
import { invariant } from '@swarmkit/sdk/plugin/errors';
import type { Channel } from '@swarmkit/sdk/plugin/plugin';
import { combineLatest, distinctUntilChanged, map, type Observable } from 'rxjs';

/** The identity as others see it. */
export class CurrentIdentity implements NodeIdentity {
  private identity: Identity | undefined;
  readonly identity$: Observable<Identity>;

  /** `duty`: whether the group of managers lets this node be one. */
  constructor(
    private readonly channel: Channel<Identity>,
    readonly duty: Channel<boolean>,
  ) {
    this.identity$ = channel.facts$;
  }

  current(): Identity {
    invariant(this.identity !== undefined, 'CA_NOT_STARTED');
    return this.identity;
  }

  publish(identity: Identity): void {
    this.identity = identity;
    this.channel.publish(identity);
  }

  /** A manager runs the manager plugins; every node with an identity runs an agent. */
  gates(): readonly ScopeGate[] {
    const isManager$ = combineLatest([this.identity$, this.duty.facts$]).pipe(
      map(([{ role }, onDuty]) => onDuty && role === 'manager'),
      distinctUntilChanged(),
    );
    const hasIdentity$ = this.identity$.pipe(
      map(() => true),
      distinctUntilChanged(),
    );
    return [
      { scope: 'manager', open$: isManager$ },
      { scope: 'agent', open$: hasIdentity$ },
    ];
  }
}
