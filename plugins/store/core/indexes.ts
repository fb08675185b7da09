/**
 * The secondary indexes of each kind, as data: which keys an object is found under. Prefixes have no
 * index: they are rare, asked by people, and a walk over 10,000 tasks takes a few milliseconds.
 */
import type { By, ObjectKind, Objects } from '@swarmkit/sdk/contracts/store';
import { nameKey, objectName } from '@swarmkit/sdk/model/object-name';
import { hasFailed, observedState } from '@swarmkit/sdk/model/task';
import type { TaskSpec } from '@swarmkit/sdk/wire/gen/swarmkit/specs';

type AnyObject = Objects[ObjectKind];

export interface Index<T> {
  readonly by: By['by'];
  /** One key, several, or none. Keys may repeat. */
  keys(object: T): string | readonly string[] | undefined;
  /** Quick test that the keys are the same; may say false when they are. */
  same?(a: T, b: T): boolean;
  /**
   * Leads to the objects themselves, not to their ids: five times faster to read, but written again at
   * every change of an object. For what reconcilers ask all the time.
   */
  readonly direct?: boolean;
}

const refersTo = <T extends Objects['service' | 'task']>(
  specOf: (object: T) => TaskSpec | undefined,
): readonly Index<T>[] => {
  const container = (object: T) => {
    const runtime = specOf(object)?.runtime;
    return runtime?.$case === 'container' ? runtime.value : undefined;
  };
  const same = (a: T, b: T): boolean => specOf(a) === specOf(b);
  return [
    {
      by: 'secret',
      keys: (object) => container(object)?.secrets.map((secret) => secret.secretId),
      same,
    },
    {
      by: 'config',
      keys: (object) => container(object)?.configs.map((config) => config.configId),
      same,
    },
  ];
};

const nameIndex = (kind: ObjectKind): Index<AnyObject> => ({
  by: 'name',
  keys: (object) => nameKey(objectName(kind, object)),
});

const nodeIndexes: readonly Index<Objects['node']>[] = [
  {
    by: 'name',
    keys: (node) =>
      node.description === undefined ? undefined : nameKey(node.description.hostname),
    same: (a, b) => a.description === b.description,
  },
  { by: 'role', keys: (node) => String(node.role) },
  {
    by: 'membership',
    keys: (node) => String(node.spec?.membership ?? 0),
    same: (a, b) => a.spec === b.spec,
  },
];

const taskIndexes: readonly Index<Objects['task']>[] = [
  {
    // Only names of their own: any other task name ends in the id, see `findTasksByName`.
    by: 'name',
    keys: (task) =>
      (task.annotations?.name ?? '') === '' ? undefined : nameKey(task.annotations?.name ?? ''),
    same: (a, b) => a.annotations === b.annotations,
  },
  {
    by: 'service',
    keys: (task) => task.serviceId,
    same: (a, b) => a.serviceId === b.serviceId,
    direct: true,
  },
  {
    by: 'node',
    keys: (task) => task.nodeId,
    same: (a, b) => a.nodeId === b.nodeId,
    direct: true,
  },
  {
    by: 'slot',
    keys: (task) => slotIndexKey(task.serviceId, task.slot),
    same: (a, b) => a.serviceId === b.serviceId && a.slot === b.slot,
    direct: true,
  },
  {
    by: 'desiredState',
    keys: (task) => String(task.desiredState),
    same: (a, b) => a.desiredState === b.desiredState,
  },
  {
    by: 'taskState',
    keys: (task) => String(observedState(task)),
    same: (a, b) => observedState(a) === observedState(b),
  },
  {
    by: 'failed',
    keys: (task) => (hasFailed(task) ? task.serviceId : undefined),
    same: (a, b) => a.serviceId === b.serviceId && hasFailed(a) === hasFailed(b),
  },
  ...refersTo<Objects['task']>((task) => task.spec),
  {
    by: 'network',
    keys: (task) => [
      ...(task.spec?.networks ?? []).map((network) => network.target),
      ...task.networks.map((attachment) => attachment.network?.id ?? ''),
    ],
    same: (a, b) => a.spec === b.spec && a.networks === b.networks,
  },
  {
    by: 'volume',
    keys: (task) => task.volumes.map((volume) => volume.id),
    same: (a, b) => a.volumes === b.volumes,
  },
];

const serviceIndexes: readonly Index<Objects['service']>[] = [
  { ...nameIndex('service'), same: (a, b) => a.spec === b.spec } as Index<Objects['service']>,
  ...refersTo<Objects['service']>((service) => service.spec?.task),
  {
    by: 'network',
    keys: (service) => [
      ...(service.spec?.networks ?? []).map((network) => network.target),
      ...(service.spec?.task?.networks ?? []).map((network) => network.target),
    ],
    same: (a, b) => a.spec === b.spec,
  },
];

const volumeIndexes: readonly Index<Objects['volume']>[] = [
  nameIndex('volume'),
  { by: 'volumeGroup', keys: (volume) => volume.spec?.group ?? '' },
  { by: 'driver', keys: (volume) => volume.spec?.driver?.name },
];

const resourceIndexes: readonly Index<Objects['resource']>[] = [
  nameIndex('resource'),
  { by: 'kind', keys: (resource) => resource.kind },
];

export const indexes: { readonly [K in ObjectKind]: readonly Index<Objects[K]>[] } = {
  node: nodeIndexes,
  service: serviceIndexes,
  task: taskIndexes,
  network: [nameIndex('network')],
  cluster: [nameIndex('cluster')],
  secret: [nameIndex('secret')],
  config: [nameIndex('config')],
  volume: volumeIndexes,
  resource: resourceIndexes,
  extension: [nameIndex('extension')],
};

const positions: ReadonlyMap<string, number> = new Map(
  Object.entries(indexes).flatMap(([kind, list]) =>
    list.map((index: { readonly by: By['by'] }, at): [string, number] => [
      `${kind}/${index.by}`,
      at,
    ]),
  ),
);

/** Place of an index in `indexes[kind]`; -1: this kind has no such index. */
export const positionOf = (kind: ObjectKind, by: By['by']): number =>
  positions.get(`${kind}/${by}`) ?? -1;

const slotIndexKey = (serviceId: string, slot: bigint): string => `${serviceId}#${slot}`;

/** The key that an index is asked for; undefined: not a question for an index. */
export function keyOf(by: By): string | undefined {
  switch (by.by) {
    case 'all':
    case 'idPrefix':
    case 'namePrefix':
      return undefined;
    case 'name':
      return nameKey(by.value);
    case 'service':
    case 'node':
    case 'secret':
    case 'config':
    case 'network':
    case 'volume':
      return by.id;
    case 'failed':
      return by.serviceId;
    case 'slot':
      return slotIndexKey(by.serviceId, by.slot);
    case 'desiredState':
    case 'taskState':
      return String(by.state);
    case 'role':
      return String(by.role);
    case 'membership':
      return String(by.membership);
    case 'kind':
      return by.kind;
    case 'volumeGroup':
      return by.group;
    case 'driver':
      return by.name;
  }
}
