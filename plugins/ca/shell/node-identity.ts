import type { Identity, NodeIdentity } from '@swarmkit/sdk/contracts/identity';
import type { ScopeGate } from '@swarmkit/sdk/contracts/scope-gate';
import { invariant } from '@swarmkit/sdk/plugin/errors';
import type { Channel } from '@swarmkit/sdk/plugin/plugin';
import { distinctUntilChanged, map, type Observable } from 'rxjs';

/** The identity as others see it. */
export class CurrentIdentity implements NodeIdentity {
  private identity: Identity | undefined;
  readonly identity$: Observable<Identity>;

  constructor(private readonly channel: Channel<Identity>) {
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
    const gate = (scope: ScopeGate['scope'], open: (identity: Identity) => boolean): ScopeGate => ({
      scope,
      open$: this.identity$.pipe(map(open), distinctUntilChanged()),
    });
    return [gate('manager', ({ role }) => role === 'manager'), gate('agent', () => true)];
  }
}
