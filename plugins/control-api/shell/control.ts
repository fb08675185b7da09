/** What all handlers of the Control service share: reading, writing, and what consensus knows. */
import type { AdmissionHook } from '@swarmkit/sdk/contracts/admission';
import type { CertificateAuthority } from '@swarmkit/sdk/contracts/certificate-authority';
import type { Consensus } from '@swarmkit/sdk/contracts/consensus';
import type { ExternalAuthority } from '@swarmkit/sdk/contracts/external-authority';
import type { Membership as Group } from '@swarmkit/sdk/contracts/membership';
import type { Store, View, Writer } from '@swarmkit/sdk/contracts/store';
import type { Env } from '@swarmkit/sdk/plugin/env';
import type { UpdateClusterRequest } from '@swarmkit/sdk/wire/gen/swarmkit/control';
import type { ControlService } from '@swarmkit/sdk/wire/gen/swarmkit/control';
import type { RootCA } from '@swarmkit/sdk/wire/gen/swarmkit/types';
import type { Membership } from '../core/membership.js';
import type { WriteContext } from '../core/write-context.js';
import { changedRoot } from './root-changes.js';

export interface ControlParts {
  readonly store: Store;
  readonly env: Env;
  readonly consensus: Consensus | undefined;
  readonly group: Pick<Group, 'canRemove'> | undefined;
  /** Asked for at each write; contributors may come and go with their scopes. */
  readonly hooks: () => readonly AdmissionHook[];
  readonly authority?: CertificateAuthority | undefined;
  /** How many tasks all services may want together. */
  readonly maxTasks: number;
  readonly external?: ExternalAuthority | undefined;
}

export class Control {
  private readonly writer: Writer = { id: 'control-api', writes: ['spec'] };

  constructor(private readonly parts: ControlParts) {}

  /** Committed state. */
  view(): View {
    return this.parts.store.view();
  }

  /** One atomic write; resolves when it is committed. A refusal thrown by `change` is the answer. */
  write<T>(change: (context: WriteContext) => T): Promise<T> {
    const { store, env, hooks, maxTasks } = this.parts;
    return store.update(this.writer, (draft) =>
      change({
        draft,
        now: env.clock.now(),
        id: () => env.id(),
        tokenBytes: (count) => env.random.bytes(count),
        hooks: [...hooks()].sort((a, b) => (a.id < b.id ? -1 : 1)),
        maxTasks,
      }),
    );
  }

  /** What an update of the cluster makes of its root; undefined where it stays. */
  changedRoot(request: UpdateClusterRequest): Promise<RootCA | undefined> {
    const { env, authority, external } = this.parts;
    const now = (): number => env.clock.now();
    const old = this.view().get('cluster', request.clusterId);
    return changedRoot({ authority, external, now }, old, request);
  }

  membership(): Membership | undefined {
    const { consensus, group } = this.parts;
    return (
      consensus && {
        members: consensus.members(),
        leadership: consensus.leadership(),
        canRemove: (raftId) => group?.canRemove(raftId) ?? false,
      }
    );
  }
}

type Methods = typeof ControlService;
type Request<M extends keyof Methods> = ReturnType<Methods[M]['requestDeserialize']>;
type Response<M extends keyof Methods> = Parameters<Methods[M]['responseSerialize']>[0];

/** Handlers of some of the service's methods, each with its own messages. */
export type ControlHandlers = {
  readonly [M in keyof Methods]?: {
    readonly unary: (request: Request<M>) => Response<M> | Promise<Response<M>>;
  };
};
