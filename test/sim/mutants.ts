/**
 * Daemons with a bug on purpose, to see that the checkers are awake: each is the real set of plugins,
 * wrong in one place.
 */
import { Ipam } from '@swarmkit/sdk/contracts/ipam';
import { Consensus, type StateMachine } from '@swarmkit/sdk/contracts/consensus';
import { Membership } from '@swarmkit/sdk/contracts/membership';
import { type Reconciler, Reconcilers } from '@swarmkit/sdk/contracts/reconciler';
import { type Draft, type ObjectKind, type Objects, Store } from '@swarmkit/sdk/contracts/store';
import { observedState } from '@swarmkit/sdk/model/task';
import type { PluginManifest } from '@swarmkit/sdk/plugin/plugin';
import { NodeSpec_Availability } from '@swarmkit/sdk/wire/gen/swarmkit/specs';
import {
  TaskState,
  TaskStatus,
  UpdateConfig_FailureAction,
  UpdateConfig_UpdateOrder,
} from '@swarmkit/sdk/wire/gen/swarmkit/types';
import { interceptProvided, interceptTaken } from './world/intercept.js';
import type { PluginSet } from './world/machine.js';

interface Mutant {
  /** The checker that must find it: not another one. */
  readonly wakes: string;
  readonly profile: 'raft' | 'orchestration';
  make(real: PluginSet): PluginSet;
}

/** How an object looks to the one that is deceived; undefined: as if it were not there. */
type Lens = <K extends ObjectKind>(kind: K, object: Objects[K]) => Objects[K] | undefined;
/** What is written in place of what the plugin wrote. */
type Hand = <K extends ObjectKind>(kind: K, object: Objects[K], real: Objects[K]) => Objects[K];

export const mutants = {
  /** What was acknowledged may be lost: the disk answers before it has written. */
  'no-fsync': {
    wakes: 'log matching',
    profile: 'raft',
    make: (real) => ({ ...real, disk: 'lies' }),
  },
  /** A manager drops an entry now and then. */
  'entry-dropped': {
    wakes: 'state equality',
    profile: 'raft',
    make: (real) => ({ ...real, store: interceptTaken(real.store, Consensus, dropping) }),
  },
  /** The dispatcher takes any report for news. */
  'status-goes-back': {
    wakes: 'states go forward',
    profile: 'orchestration',
    make: (real) =>
      withManager(real, 'dispatcher', (plugin) =>
        interceptTaken(plugin, Store, (store) =>
          Object.create(store, {
            update: {
              value: ((writer, change, options) =>
                store.update(
                  writer,
                  (draft) => change(through(draft, forgetStatus)),
                  options,
                )) as Store['update'],
            },
          }),
        ),
      ),
  },
  /** What was let go is called back. */
  'desired-falls': {
    wakes: 'desired goes up',
    profile: 'orchestration',
    make: (real) => deceived(real, 'orchestrator', honest, callBack),
  },
  /** The scheduler puts what is bound to a node on another. */
  'moved-away': {
    wakes: 'a task stays',
    profile: 'orchestration',
    make: (real) => deceived(real, 'scheduler', honest, elsewhere),
  },
  /** The orchestrator does not see what waits for a node, and makes one more. */
  'two-a-slot': {
    wakes: 'one live task a slot',
    profile: 'orchestration',
    make: (real) => deceived(real, 'orchestrator', blindToWaiting),
  },
  /** The scheduler takes every node for a giant. */
  'no-resources': {
    wakes: 'no node over its resources',
    profile: 'orchestration',
    make: (real) => deceived(real, 'scheduler', giant),
  },
  /** The updater takes everything at once. */
  'no-parallelism': {
    wakes: 'update parallelism',
    profile: 'orchestration',
    make: (real) => deceived(real, 'orchestrator', allAtOnce),
  },
  /** The updater stops the old task first, whatever the order. */
  'stops-first': {
    wakes: 'update order',
    profile: 'orchestration',
    make: (real) => deceived(real, 'orchestrator', stopFirst),
  },
  /** The updater takes a task that was told to stop for one that has. */
  'does-not-wait': {
    wakes: 'update order',
    profile: 'orchestration',
    make: (real) => deceived(real, 'orchestrator', hasty),
  },
  /** The updater never minds failures. */
  'no-failure-ratio': {
    wakes: 'update failure ratio',
    profile: 'orchestration',
    make: (real) => deceived(real, 'orchestrator', heedless),
  },
  /** Completed tasks of jobs are forgotten. */
  'jobs-again': {
    wakes: 'a job runs once',
    profile: 'orchestration',
    make: (real) => deceived(real, 'orchestrator', forgetful),
  },
  /** Drained nodes look active to everybody who plans. */
  'no-drain': {
    wakes: 'convergence',
    profile: 'orchestration',
    make: (real) => deceived(deceived(real, 'orchestrator', undrained), 'scheduler', undrained),
  },
  /** Addresses are given without a look at who has them. */
  'blind-ipam': {
    wakes: 'one holder an address',
    profile: 'orchestration',
    make: (real) =>
      withManager(real, 'allocator', (plugin) =>
        interceptTaken(plugin, Ipam, (ipam) => ({
          ...ipam,
          address: (request) => ipam.address({ ...request, held: new Set(), after: undefined }),
        })),
      ),
  },
  /** Nothing that ended is ever replaced. */
  'no-restart': {
    wakes: 'convergence',
    profile: 'orchestration',
    make: (real) => deceived(real, 'orchestrator', rosy),
  },
  /** New members learn for ever. */
  'no-vote': {
    wakes: 'a vote for each',
    profile: 'raft',
    make: (real) => ({
      ...real,
      raft: interceptProvided(real.raft, Membership, (membership) =>
        Object.assign(membership, { promote: async () => undefined }),
      ),
    }),
  },
  /** Our managers are quick also where one of SwarmKit's is not. */
  'always-quick': {
    wakes: 'whose ways',
    profile: 'raft',
    make: (real) => ({
      ...real,
      raft: interceptProvided(real.raft, Consensus, (consensus) =>
        Object.assign(consensus, { pace: { spanMs: () => 100 } }),
      ),
    }),
  },
  /** A bug in a plugin of the leader. */
  throws: {
    wakes: 'no faults',
    profile: 'orchestration',
    make: (real) => deceived(real, 'reaper', broken),
  },
} satisfies Readonly<Record<string, Mutant>>;

export type MutantName = keyof typeof mutants;

/**
 * Cores of plugins/raft/test/mutants.ts that whole clusters must find too, by the name there, and the
 * checker that finds them.
 */
export const clusterCores: Readonly<Record<string, string>> = {
  'vote twice': 'one leader a term',
  'read index without quorum': 'linearizability',
};

const DROPPED_EVERY = 60;

function dropping(consensus: Consensus): Consensus {
  let applied = 0;
  return Object.create(consensus, {
    attach: {
      value: (machine: StateMachine) =>
        consensus.attach({
          apply: (entry) => {
            if (++applied % DROPPED_EVERY !== 0) machine.apply(entry);
          },
          snapshot: () => machine.snapshot(),
          restore: (bytes, index) => machine.restore(bytes, index),
        }),
    },
  }) as Consensus;
}

const honest: Lens = (_kind, object) => object;

const callBack: Hand = (kind, object, real) =>
  is('task', kind, object) &&
  is('task', kind, real) &&
  real.desiredState === TaskState.READY &&
  object.desiredState === TaskState.RUNNING
    ? as(kind, { ...object, desiredState: TaskState.ASSIGNED })
    : object;

/** One that has waited for room there. */
const elsewhere: Hand = (kind, object, real) => {
  if (!is('task', kind, object) || !is('task', kind, real)) return object;
  if (real.nodeId === '' || real.status?.err === '' || observedState(object) < TaskState.ASSIGNED)
    return object;
  const nodeId = real.nodeId.startsWith('agent1') ? 'manager1node' : 'agent1node';
  return as(kind, { ...object, nodeId: nodeId.padEnd(25, '0') });
};

const blindToWaiting: Lens = (kind, object) =>
  is('task', kind, object) && observedState(object) === TaskState.PENDING ? undefined : object;

const stopFirst: Lens = (kind, object) => {
  if (!is('service', kind, object) || object.spec?.update === undefined) return object;
  const update = { ...object.spec.update, order: UpdateConfig_UpdateOrder.STOP_FIRST };
  return as(kind, { ...object, spec: { ...object.spec, update } });
};

const hasty: Lens = (kind, object) =>
  is('task', kind, object) &&
  object.desiredState === TaskState.SHUTDOWN &&
  observedState(object) <= TaskState.RUNNING
    ? as(kind, { ...object, status: TaskStatus.create({ state: TaskState.SHUTDOWN }) })
    : object;

const broken: Lens = (kind, object) => {
  if (is('task', kind, object) && observedState(object) === TaskState.FAILED)
    throw new Error('a bug on purpose');
  return object;
};

const forgetStatus: Lens = (kind, object) =>
  is('task', kind, object) ? as(kind, { ...object, status: TaskStatus.create() }) : object;

const giant: Lens = (kind, object) => {
  if (!is('node', kind, object) || object.description === undefined) return object;
  const resources = { nanoCpus: 1n << 50n, memoryBytes: 1n << 50n, generic: [] };
  return as(kind, { ...object, description: { ...object.description, resources } });
};

const allAtOnce: Lens = (kind, object) => {
  if (!is('service', kind, object) || object.spec?.update === undefined) return object;
  const spec = { ...object.spec, update: { ...object.spec.update, parallelism: 0n } };
  return as(kind, { ...object, spec });
};

const heedless: Lens = (kind, object) => {
  if (!is('service', kind, object) || object.spec?.update === undefined) return object;
  const failureAction = UpdateConfig_FailureAction.CONTINUE;
  return as(kind, {
    ...object,
    spec: { ...object.spec, update: { ...object.spec.update, failureAction } },
  });
};

const forgetful: Lens = (kind, object) =>
  is('task', kind, object) && observedState(object) === TaskState.COMPLETE ? undefined : object;

const undrained: Lens = (kind, object) => {
  if (!is('node', kind, object) || object.spec === undefined) return object;
  return as(kind, {
    ...object,
    spec: { ...object.spec, availability: NodeSpec_Availability.ACTIVE },
  });
};

const rosy: Lens = (kind, object) => {
  if (!is('task', kind, object) || observedState(object) <= TaskState.RUNNING) return object;
  return as(kind, { ...object, status: TaskStatus.create({ state: TaskState.RUNNING }) });
};

const is = <K extends ObjectKind>(
  wanted: K,
  kind: ObjectKind,
  object: Objects[ObjectKind],
): object is Objects[K] => kind === wanted && object !== undefined;

const as = <K extends ObjectKind>(_kind: K, object: Objects[ObjectKind]): Objects[K] =>
  object as Objects[K];

/** A draft that shows objects through the lens, and writes what it is told and nothing else. */
function through(draft: Draft, lens: Lens, hand: Hand = (_kind, object) => object): Draft {
  const shown = new WeakMap<object, object>();
  const show = <K extends ObjectKind>(kind: K, real: Objects[K]): Objects[K] | undefined => {
    if (shown.has(real)) return shown.get(real) as Objects[K];
    const seen = lens(kind, real);
    if (seen !== undefined) shown.set(real, seen);
    return seen;
  };
  const update = <K extends ObjectKind>(kind: K, object: Objects[K]): Objects[K] => {
    const real = draft.get(kind, object.id);
    const seen = real && show(kind, real);
    if (real === undefined || seen === undefined) return draft.update(kind, object);
    const meant: Record<string, unknown> = { ...object };
    // What only the lens changed stays as it is.
    for (const key of Object.keys(meant))
      if (meant[key] === seen[key as keyof typeof seen])
        meant[key] = real[key as keyof typeof real];
    return draft.update(kind, hand(kind, meant as unknown as Objects[K], real));
  };
  return Object.create(draft, {
    get: {
      value: ((kind, id) => {
        const found = draft.get(kind, id);
        return found && show(kind, found);
      }) as Draft['get'],
    },
    find: {
      value: ((kind, by) =>
        draft.find(kind, by).flatMap((found) => show(kind, found) ?? [])) as Draft['find'],
    },
    update: { value: update },
    as: { value: ((writer) => through(draft.as(writer), lens, hand)) as Draft['as'] },
  }) as Draft;
}

const deceived = (real: PluginSet, id: string, lens: Lens, hand?: Hand): PluginSet =>
  withManager(real, id, (plugin) =>
    interceptProvided(plugin, Reconcilers, (stage: Reconciler) => ({
      writer: stage.writer,
      order: stage.order,
      reconcile: (input) => stage.reconcile({ ...input, draft: through(input.draft, lens, hand) }),
    })),
  );

const withManager = (
  real: PluginSet,
  id: string,
  change: (plugin: PluginManifest) => PluginManifest,
): PluginSet => ({
  ...real,
  manager: real.manager.map((plugin) => (plugin.id === id ? change(plugin) : plugin)),
});
