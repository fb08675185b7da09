/**
 * Random writes in a world so small that names, ids and references clash all the time. A write is data,
 * so that it can be played to two stores and what they answered be compared.
 */
import type { By, Draft, ObjectKind, Objects } from '@swarmkit/sdk/contracts/store';
import { objectKinds } from '@swarmkit/sdk/model/object-name';
import { timestampFromMs } from '@swarmkit/sdk/model/time';
import { isSwarmError } from '@swarmkit/sdk/plugin/errors';
import { aNetwork, aNode, aService, aTask } from '@swarmkit/sdk/testkit/fixtures';
import {
  Cluster,
  Config,
  Extension,
  Resource,
  Secret,
  Volume,
} from '@swarmkit/sdk/wire/gen/swarmkit/objects';
import { NodeSpec_Membership } from '@swarmkit/sdk/wire/gen/swarmkit/specs';
import { NodeRole, TaskState } from '@swarmkit/sdk/wire/gen/swarmkit/types';
import fc from 'fast-check';

export interface Write {
  readonly do: 'create' | 'update' | 'updateStale' | 'updateBack' | 'remove' | 'mark' | 'rollback';
  readonly kind: ObjectKind;
  readonly id: string;
  /** Picks the object's contents. */
  readonly seed: number;
}

export const ids = ['a1', 'a2', 'b1', 'b2', 'c1'];
const names = ['web', 'Web', 'db', 'task', 'cache'];
const states = [
  TaskState.NEW,
  TaskState.PENDING,
  TaskState.RUNNING,
  TaskState.RUNNING,
  TaskState.SHUTDOWN,
  TaskState.FAILED,
  TaskState.REMOVE,
];

const pick = <T>(list: readonly T[], seed: number): T => list[seed % list.length] as T;

export const write: fc.Arbitrary<Write> = fc.record({
  do: fc.constantFrom<Write['do']>(
    'create',
    'create',
    'create',
    'update',
    'update',
    'updateStale',
    'updateBack',
    'remove',
    'mark',
    'rollback',
  ),
  kind: fc.oneof(
    { weight: 1, arbitrary: fc.constantFrom(...objectKinds) },
    {
      weight: 2,
      arbitrary: fc.constantFrom<ObjectKind>('task', 'service', 'extension', 'resource'),
    },
  ),
  id: fc.constantFrom(...ids),
  seed: fc.nat({ max: 9999 }),
});

/** An object with contents picked by the seed. */
export function contents(kind: ObjectKind, id: string, seed: number): Objects[ObjectKind] {
  const name = pick(names, seed);
  const other = pick(ids, seed >> 3);
  const references = {
    secrets: [{ secretId: other }],
    configs: seed % 3 === 0 ? [] : [{ configId: other }, { configId: 'a1' }],
  };
  const task = {
    runtime: { $case: 'container' as const, value: { image: name, ...references } },
    networks: seed % 2 === 0 ? [{ target: other }] : [],
    resources:
      seed % 3 === 0
        ? undefined
        : { reservations: { nanoCpus: BigInt(seed % 4), memoryBytes: BigInt(seed % 2) } },
  };
  switch (kind) {
    case 'node':
      return aNode({
        id,
        role: pick([NodeRole.WORKER, NodeRole.MANAGER], seed),
        spec: {
          membership: pick([NodeSpec_Membership.PENDING, NodeSpec_Membership.ACCEPTED], seed),
        },
        description: seed % 5 === 0 ? undefined : { hostname: name },
      });
    case 'service':
      return aService({ id, spec: { annotations: { name }, task } });
    case 'task':
      return aTask({
        id,
        spec: task,
        // Often the same one, so that slots have a history.
        serviceId: seed % 2 === 0 ? 'a1' : other,
        nodeId: pick(['', ...ids], seed),
        slot: BigInt(seed % 3),
        annotations: { name: seed % 4 === 0 ? name : '' },
        serviceAnnotations: { name },
        specVersion: seed % 4 === 1 ? undefined : { index: BigInt((seed >> 3) % 2) },
        endpoint: seed % 3 === 0 ? { spec: { mode: seed % 2 } } : undefined,
        desiredState: pick(states, seed >> 1),
        status: {
          state: pick(states, seed >> 2),
          runningSince: seed % 3 === 0 ? undefined : timestampFromMs((seed % 5) * 700),
        },
        networks: seed % 7 === 0 ? [{ network: { id: other } }] : [],
        volumes: seed % 5 === 0 ? [{ id: other }, { id: pick(ids, seed) }] : [],
      });
    case 'network':
      return aNetwork({ id, spec: { annotations: { name } } });
    case 'cluster':
      return Cluster.fromPartial({ id, spec: { annotations: { name } }, subnetSize: seed % 3 });
    case 'secret':
      return Secret.fromPartial({
        id,
        spec: { annotations: { name, labels: { n: `${seed % 3}` } } },
      });
    case 'config':
      return Config.fromPartial({
        id,
        spec: { annotations: { name }, data: Buffer.from([seed % 3]) },
      });
    case 'volume':
      return Volume.fromPartial({
        id,
        spec: { annotations: { name }, group: other, driver: { name: pick(names, seed >> 2) } },
      });
    case 'extension':
      return Extension.fromPartial({ id, annotations: { name }, description: `${seed % 3}` });
    case 'resource':
      return Resource.fromPartial({
        id,
        annotations: { name: `${name}${seed % 3}` },
        kind: pick(['web', 'DB', 'none'], seed >> 1),
      });
  }
}

/** Plays writes to a draft and says how each one ended. */
export function play(draft: Draft, writes: readonly Write[]): readonly unknown[] {
  const marks = [draft.mark()];
  return writes.map((write) => {
    try {
      return playOne(draft, write, marks);
    } catch (error) {
      if (isSwarmError(error)) return error.code;
      throw error;
    }
  });
}

function playOne(draft: Draft, write: Write, marks: ReturnType<Draft['mark']>[]): unknown {
  const { kind, id, seed } = write;
  const present = draft.get(kind, id);
  const object = { ...contents(kind, id, seed), meta: present?.meta } as never;
  switch (write.do) {
    case 'create':
      return draft.create(kind, object);
    case 'update':
      return draft.update(kind, object);
    case 'updateStale':
      return draft.update(kind, { ...(object as Objects['task']), meta: undefined } as never);
    case 'updateBack': {
      if (present === undefined) return undefined;
      const changed = draft.update(kind, object);
      return draft.update(kind, { ...present, meta: changed.meta } as never);
    }
    case 'remove':
      return draft.remove(kind, id);
    case 'mark':
      marks.push(draft.mark());
      return undefined;
    case 'rollback': {
      const mark = marks.pop();
      if (mark !== undefined) draft.rollback(mark);
      return undefined;
    }
  }
}

/** Every question there is about this world. */
export const questions: readonly (readonly [ObjectKind, By])[] = [
  ...objectKinds.flatMap((kind): [ObjectKind, By][] => [
    [kind, { by: 'all' }],
    [kind, { by: 'idPrefix', value: 'a' }],
    ...[...names, ...names.map((name) => `${name}0`)].map((value): [ObjectKind, By] => [
      kind,
      { by: 'name', value },
    ]),
    [kind, { by: 'namePrefix', value: 'wE' }],
  ]),
  ...ids.flatMap((id): [ObjectKind, By][] => [
    ['task', { by: 'service', id }],
    ['task', { by: 'node', id }],
    ['task', { by: 'failed', serviceId: id }],
    ['task', { by: 'volume', id }],
    ['task', { by: 'slot', serviceId: id, slot: 1n }],
    ['task', { by: 'name', value: `web.1.${id}` }],
    ['volume', { by: 'volumeGroup', group: id }],
    ...(['service', 'task'] as const).flatMap((kind): [ObjectKind, By][] => [
      [kind, { by: 'secret', id }],
      [kind, { by: 'config', id }],
      [kind, { by: 'network', id }],
    ]),
  ]),
  ...states.flatMap((state): [ObjectKind, By][] => [
    ['task', { by: 'desiredState', state }],
    ['task', { by: 'taskState', state }],
  ]),
  ['node', { by: 'role', role: NodeRole.MANAGER }],
  ['node', { by: 'membership', membership: NodeSpec_Membership.PENDING }],
  ['resource', { by: 'kind', kind: 'web' }],
  ['volume', { by: 'driver', name: 'db' }],
];
