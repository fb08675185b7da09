/**
 * One writer a field, made checkable: which owners a change needs. The store refuses a writer that
 * strays, and so does the fake store, so that a stage finds out in its unit tests.
 */
import type { Change, Field, ObjectKind, Objects, Writer } from '../contracts/store.js';
import { SwarmError } from '../plugin/errors.js';
import type { Service, Task } from '../wire/gen/swarmkit/objects.js';
import { TaskState } from '../wire/gen/swarmkit/types.js';
import { isAttachment, observedState } from './task.js';
import { wireEqual } from './wire-equal.js';

type AnyObject = Objects[ObjectKind];

/** Names of the top-level fields that differ. `id` and `meta` are the store's own and not looked at. */
export function touchedFields(before: AnyObject, after: AnyObject): readonly string[] {
  let touched: string[] | undefined;
  const a = before as unknown as Readonly<Record<string, unknown>>;
  const b = after as unknown as Readonly<Record<string, unknown>>;
  const look = (key: string): void => {
    if (a[key] === b[key] || key === 'id' || key === 'meta') return;
    if (
      key === '_unknownFields' ? wireEqual(a[key] ?? {}, b[key] ?? {}) : wireEqual(a[key], b[key])
    )
      return;
    touched ??= [];
    touched.push(key);
  };
  for (const key in b) look(key);
  for (const key in a) if (!(key in b)) look(key);
  return touched ?? none;
}

/** Throws STORE_FIELD when the writer owns none of the fields that the change needs. */
export function checkOwnership(
  writer: Writer,
  change: Change,
  touched: readonly string[] = change.old === undefined || change.action !== 'update'
    ? none
    : touchedFields(change.old, change.object),
): void {
  if (writer.writes.includes('any')) return;
  const refuse = (what: string, owners: readonly Field[]): never => {
    throw new SwarmError(
      'internal',
      'STORE_FIELD',
      `${writer.id} must not ${what} of ${change.kind} ${change.id}: that belongs to ${
        owners.length === 0 ? 'nobody once it exists' : `the writer of ${owners.join(' or ')}`
      }.`,
      { detail: { writer: writer.id, kind: change.kind, id: change.id, owners } },
    );
  };
  const owns = (owners: readonly Field[]): boolean =>
    owners.some((field) => writer.writes.includes(field));
  if (change.action === 'create') {
    const owners = creators(change);
    if (!owns(owners)) refuse('do the creation', owners);
  } else if (change.action === 'remove') {
    const owners = removers(change);
    if (!owns(owners)) refuse('do the removal', owners);
  } else {
    for (const name of touched) {
      const owners = ownersOf(change, name);
      if (!owns(owners)) refuse(`change ${name}`, owners);
    }
  }
}

const none: readonly string[] = [];
const spec: readonly Field[] = ['spec'];

function creators(change: Change): readonly Field[] {
  switch (change.kind) {
    case 'task':
      return isAttachment(change.object) ? ['task.attachment'] : ['task.existence'];
    case 'node':
      return ['node.existence'];
    case 'cluster':
      return ['cluster.existence'];
    default:
      return spec;
  }
}

function removers(change: Change): readonly Field[] {
  switch (change.kind) {
    case 'task':
      // Users may remove a task by hand.
      return isAttachment(change.object)
        ? ['task.attachment', 'task.deletion', 'spec']
        : ['task.deletion', 'spec'];
    case 'node':
      return ['node.existence', 'spec'];
    case 'service':
      return ['spec', 'service.deletion'];
    case 'cluster':
      return ['cluster.existence'];
    default:
      return spec;
  }
}

/** Fields of each kind with more than one kind of owner; what is not named belongs to `spec`. */
const owners: { readonly [K in ObjectKind]?: Readonly<Record<string, readonly Field[]>> } = {
  node: {
    description: ['node.observed'],
    status: ['node.observed'],
    managerStatus: ['node.observed'],
    role: ['node.role'],
    certificate: ['node.certificate'],
    attachment: ['node.attachments'],
    attachments: ['node.attachments'],
    VXLANUDPPort: ['node.existence'],
  },
  service: {
    // A rollback swaps specs; an update by a user clears the status of the one before.
    spec: ['spec', 'service.updateStatus'],
    previousSpec: ['spec', 'service.updateStatus'],
    specVersion: ['spec', 'service.updateStatus'],
    previousSpecVersion: ['spec', 'service.updateStatus'],
    updateStatus: ['service.updateStatus', 'spec'],
    endpoint: ['service.endpoint'],
    // A forced update of a job starts its next iteration.
    jobStatus: ['service.jobStatus', 'spec'],
  },
  network: {
    driverState: ['network.allocation'],
    ipam: ['network.allocation'],
    addressHistory: ['network.allocation'],
  },
  cluster: {
    // Users rotate tokens and unlock keys, and removing a node blacklists its certificate.
    rootCa: ['cluster.ca', 'spec'],
    unlockKeys: ['cluster.ca', 'spec'],
    blacklistedCertificates: ['cluster.ca', 'spec'],
    networkBootstrapKeys: ['cluster.keys'],
    encryptionKeyLamportClock: ['cluster.keys'],
    fips: ['cluster.existence'],
    defaultAddressPool: ['cluster.existence'],
    subnetSize: ['cluster.existence'],
    VXLANUDPPort: ['cluster.existence'],
  },
  volume: {
    publishStatus: ['volume.observed'],
    volumeInfo: ['volume.observed'],
  },
};

function ownersOf(change: Change, name: string): readonly Field[] {
  if (change.kind === 'task') return taskOwners(change.old, change.object, name);
  if (change.kind === 'service' && name === 'spec' && !isSpecSwap(change.old, change.object))
    return spec;
  return owners[change.kind]?.[name] ?? spec;
}

/** Only a rollback may bring back the previous spec without a user. */
const isSpecSwap = (before: Service | undefined, after: Service): boolean =>
  before?.previousSpec !== undefined && wireEqual(before.previousSpec, after.spec);

function taskOwners(before: Task | undefined, after: Task, name: string): readonly Field[] {
  switch (name) {
    case 'status':
      return before === undefined ? [] : statusOwners(observedState(before), observedState(after));
    case 'desiredState':
      return ['task.desiredState'];
    case 'nodeId':
    case 'assignedGenericResources':
    case 'volumes':
      return ['task.placement'];
    case 'networks':
    case 'endpoint':
      return ['task.allocation'];
    default:
      // The rest of a task never changes after its creation: a changed spec is a new task.
      return [];
  }
}

/** Managers own a task's state up to ASSIGNED; its node's agent, through the dispatcher, from there on. */
function statusOwners(before: TaskState, after: TaskState): readonly Field[] {
  if (after === TaskState.ORPHANED) return ['task.observed', 'spec'];
  if (after === TaskState.REJECTED) return ['task.eviction', 'task.observed'];
  if (before >= TaskState.ASSIGNED) return ['task.observed'];
  if (before === TaskState.NEW && after <= TaskState.PENDING) return ['task.allocation'];
  if (after === TaskState.PENDING || after === TaskState.NEW)
    return ['task.placement', 'task.allocation'];
  // Placed, or given up before it was placed.
  return ['task.placement'];
}
