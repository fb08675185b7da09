/**
 * Which changes a watcher asked for. Entries are alternatives; the filters of one entry must all agree,
 * and each of them may be given once.
 */
import type { Change } from '@swarmkit/sdk/contracts/store';
import { nameKey, objectKinds, objectName } from '@swarmkit/sdk/model/object-name';
import type { TaskSpec } from '@swarmkit/sdk/wire/gen/swarmkit/specs';
import {
  type SelectBy,
  WatchActionKind,
  type WatchMessage_Event,
  type WatchRequest,
  type WatchRequest_WatchEntry,
} from '@swarmkit/sdk/wire/gen/swarmkit/watch';
import { badRequest } from './watch-errors.js';

export type Selection = (change: Change) => boolean;

const actions = {
  create: WatchActionKind.WATCH_ACTION_CREATE,
  update: WatchActionKind.WATCH_ACTION_UPDATE,
  remove: WatchActionKind.WATCH_ACTION_REMOVE,
} as const;
const EVERY_ACTION = actions.create | actions.update | actions.remove;
/** Names of tables; any other word is a kind of custom resources. */
const tables: ReadonlySet<string> = new Set(objectKinds.filter((kind) => kind !== 'resource'));

/** Throws the refusal of a request that cannot be meant. No entries: nothing is selected. */
export function selectionOf({ entries }: WatchRequest): Selection {
  const alternatives = entries.map(entrySelection);
  return (change) => alternatives.some((selects) => selects(change));
}

export function eventOf(change: Change, includeOld: boolean): WatchMessage_Event {
  const wire = (value: Change['object']) =>
    ({ Object: { $case: change.kind, value } }) as WatchMessage_Event['object'];
  return {
    action: actions[change.action],
    object: wire(change.object),
    oldObject:
      includeOld && change.action === 'update' && change.old ? wire(change.old) : undefined,
  };
}

function entrySelection({ kind, action, filters }: WatchRequest_WatchEntry): Selection {
  if (kind === '') throw badRequest('no kind of object specified');
  if ((action & EVERY_ACTION) === 0) throw badRequest('unrecognized action');
  const seen = new Set<string>();
  for (const { By } of filters) {
    if (By === undefined) continue;
    if (seen.has(By.$case)) throw badRequest('conflicting filters specified');
    seen.add(By.$case);
  }
  const isTable = tables.has(kind);
  return (change) =>
    (action & actions[change.action]) !== 0 &&
    (isTable ? change.kind === kind : isResource(change, kind)) &&
    filters.every(({ By }) => By === undefined || matches(By, change));
}

const isResource = (change: Change, kind: string): boolean =>
  change.kind === 'resource' && change.object.kind === kind;

/** A filter that a kind does not have selects nothing of it. */
function matches(by: NonNullable<SelectBy['By']>, change: Change): boolean {
  const { object } = change;
  const name = (): string => nameKey(objectName(change.kind, object));
  switch (by.$case) {
    case 'id':
      return object.id === by.value;
    case 'idPrefix':
      return object.id.startsWith(by.value);
    case 'name':
      return name() === nameKey(by.value);
    case 'namePrefix':
      return name().startsWith(nameKey(by.value));
    case 'custom':
      return customValues(change, by.value).some((value) => value === by.value.value);
    case 'customPrefix':
      return customValues(change, by.value).some((value) => value.startsWith(by.value.value));
    case 'serviceId':
      return change.kind === 'task' && change.object.serviceId === by.value;
    case 'nodeId':
      return change.kind === 'task' && change.object.nodeId === by.value;
    case 'slot':
      return (
        change.kind === 'task' &&
        change.object.serviceId === by.value.serviceId &&
        change.object.slot === by.value.slot
      );
    case 'desiredState':
      return change.kind === 'task' && change.object.desiredState === by.value;
    case 'role':
      return change.kind === 'node' && change.object.role === by.value;
    case 'membership':
      return change.kind === 'node' && (change.object.spec?.membership ?? 0) === by.value;
    case 'referencedNetworkId':
      return networksOf(change).includes(by.value);
    case 'referencedSecretId':
      return dataOf(change).secrets.includes(by.value);
    case 'referencedConfigId':
      return dataOf(change).configs.includes(by.value);
    case 'kind':
      return isResource(change, by.value);
  }
}

/** SwarmKit's custom indexes: entries of an object's annotations, asked by name. */
function customValues(
  { object }: Change,
  { index }: { readonly index: string },
): readonly string[] {
  const annotations =
    ('annotations' in object ? object.annotations : undefined) ??
    ('spec' in object && object.spec !== undefined && 'annotations' in object.spec
      ? object.spec.annotations
      : undefined);
  return (annotations?.indices ?? []).filter(({ key }) => key === index).map(({ val }) => val);
}

function taskSpecOf(change: Change): TaskSpec | undefined {
  if (change.kind === 'task') return change.object.spec;
  return change.kind === 'service' ? change.object.spec?.task : undefined;
}

function dataOf(change: Change): { readonly secrets: string[]; readonly configs: string[] } {
  const runtime = taskSpecOf(change)?.runtime;
  const container = runtime?.$case === 'container' ? runtime.value : undefined;
  return {
    secrets: container?.secrets.map(({ secretId }) => secretId) ?? [],
    configs: container?.configs.map(({ configId }) => configId) ?? [],
  };
}

function networksOf(change: Change): readonly string[] {
  const asked = (taskSpecOf(change)?.networks ?? []).map(({ target }) => target);
  if (change.kind === 'task')
    return [...asked, ...change.object.networks.map(({ network }) => network?.id ?? '')];
  if (change.kind === 'service')
    return [...asked, ...(change.object.spec?.networks ?? []).map(({ target }) => target)];
  return [];
}
