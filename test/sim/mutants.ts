/**
 * Daemons with a bug on purpose, to see that the checkers are awake: each is the real set of plugins,
 * wrong in one place.
 */
import { Ipam } from '@swarmkit/sdk/contracts/ipam';
import { type Reconciler, Reconcilers } from '@swarmkit/sdk/contracts/reconciler';
import { type Draft, type ObjectKind, type Objects, Store } from '@swarmkit/sdk/contracts/store';
import { observedState } from '@swarmkit/sdk/model/task';
import type { PluginManifest } from '@swarmkit/sdk/plugin/plugin';
import { NodeSpec_Availability } from '@swarmkit/sdk/wire/gen/swarmkit/specs';
import {
  TaskState,
  TaskStatus,
  UpdateConfig_FailureAction,
} from '@swarmkit/sdk/wire/gen/swarmkit/types';
import { interceptProvided, interceptTaken } from './world/intercept.js';
import type { PluginSet } from './world/machine.js';

type Mutant = (real: PluginSet) => PluginSet;
/** How an object looks to the one that is deceived; undefined: as if it were not there. */
type Lens = <K extends ObjectKind>(kind: K, object: Objects[K]) => Objects[K] | undefined;

export const mutants = {
  /** What was acknowledged may be lost: the disk answers before it has written. */
  'no-fsync': (real) => ({ ...real, disk: 'lies' }),
  /** The dispatcher takes any report for news. */
  'status-goes-back': (real) =>
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
  /** The scheduler takes every node for a giant. */
  'no-resources': (real) => deceived(real, 'scheduler', giant),
  /** The updater takes everything at once. */
  'no-parallelism': (real) => deceived(real, 'orchestrator', allAtOnce),
  /** The updater never minds failures. */
  'no-failure-ratio': (real) => deceived(real, 'orchestrator', heedless),
  /** Completed tasks of jobs are forgotten. */
  'jobs-again': (real) => deceived(real, 'orchestrator', forgetful),
  /** Drained nodes look active to everybody who plans. */
  'no-drain': (real) => deceived(deceived(real, 'orchestrator', undrained), 'scheduler', undrained),
  /** Addresses are given without a look at who has them. */
  'blind-ipam': (real) =>
    withManager(real, 'allocator', (plugin) =>
      interceptTaken(plugin, Ipam, (ipam) => ({
        ...ipam,
        address: (request) => ipam.address({ ...request, held: new Set(), after: undefined }),
      })),
    ),
  /** Nothing that ended is ever replaced. */
  'no-restart': (real) => deceived(real, 'orchestrator', rosy),
} satisfies Readonly<Record<string, Mutant>>;

export type MutantName = keyof typeof mutants;

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
function through(draft: Draft, lens: Lens): Draft {
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
    return draft.update(kind, meant as unknown as Objects[K]);
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
    as: { value: ((writer) => through(draft.as(writer), lens)) as Draft['as'] },
  }) as Draft;
}

const deceived = (real: PluginSet, id: string, lens: Lens): PluginSet =>
  withManager(real, id, (plugin) =>
    interceptProvided(plugin, Reconcilers, (stage: Reconciler) => ({
      writer: stage.writer,
      order: stage.order,
      reconcile: (input) => stage.reconcile({ ...input, draft: through(input.draft, lens) }),
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
