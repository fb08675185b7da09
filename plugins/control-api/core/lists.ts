/** The List calls of the orchestrated kinds: which objects a request asks for. */
import type { By, Objects, View } from '@swarmkit/sdk/contracts/store';
import { isTaskDirty } from '@swarmkit/sdk/model/dirty-task';
import { taskName } from '@swarmkit/sdk/model/task';
import type {
  ListClustersRequest,
  ListConfigsRequest,
  ListNetworksRequest,
  ListNodesRequest,
  ListResourcesRequest,
  ListSecretsRequest,
  ListServicesRequest,
  ListTasksRequest,
  ListTasksRequest_Filters,
  ListVolumesRequest,
} from '@swarmkit/sdk/wire/gen/swarmkit/control';
import type {
  Cluster,
  Config,
  Network,
  Node,
  Resource,
  Secret,
  Service,
  Task,
  Volume,
} from '@swarmkit/sdk/wire/gen/swarmkit/objects';
import type { Annotations } from '@swarmkit/sdk/wire/gen/swarmkit/types';
import { NodeSpec_Membership } from '@swarmkit/sdk/wire/gen/swarmkit/specs';
import {
  anyOf,
  anyPrefixOf,
  candidates,
  hasLabels,
  inIdOrder,
  type NameFilters,
  runtimeName,
  unique,
} from './list-filters.js';

export function listServices(view: View, { filters }: ListServicesRequest): readonly Service[] {
  return inIdOrder(
    candidates(view, 'service', filters).filter(({ id, spec }) => {
      const name = spec?.annotations?.name ?? '';
      return (
        anyOf(filters?.names, name) &&
        anyPrefixOf(filters?.namePrefixes, name) &&
        anyPrefixOf(filters?.idPrefixes, id) &&
        hasLabels(filters?.labels, spec?.annotations?.labels) &&
        anyOf(filters?.runtimes, runtimeName(spec?.task))
      );
    }),
  );
}

/** A node's name is its hostname. `labels` are those of its engine, `nodeLabels` those of its spec. */
export function listNodes(view: View, { filters }: ListNodesRequest): readonly Node[] {
  return inIdOrder(
    candidates(view, 'node', filters).filter((node) => {
      const hostname = node.description?.hostname ?? '';
      return (
        anyOf(filters?.names, hostname) &&
        anyPrefixOf(filters?.namePrefixes, hostname) &&
        anyPrefixOf(filters?.idPrefixes, node.id) &&
        hasLabels(filters?.labels, node.description?.engine?.labels) &&
        hasLabels(filters?.nodeLabels, node.spec?.annotations?.labels) &&
        anyOf(filters?.memberships, node.spec?.membership ?? NodeSpec_Membership.PENDING) &&
        anyOf(filters?.roles, node.role)
      );
    }),
  );
}

export function listTasks(view: View, { filters }: ListTasksRequest): readonly Task[] {
  return inIdOrder(
    taskCandidates(view, filters).filter((task) => {
      const name = taskName(task);
      return (
        anyOf(filters?.names, name) &&
        anyPrefixOf(filters?.namePrefixes, name) &&
        anyPrefixOf(filters?.idPrefixes, task.id) &&
        hasLabels(filters?.labels, task.serviceAnnotations?.labels) &&
        anyOf(filters?.serviceIds, task.serviceId) &&
        anyOf(filters?.nodeIds, task.nodeId) &&
        anyOf(filters?.runtimes, runtimeName(task.spec)) &&
        anyOf(filters?.desiredStates, task.desiredState) &&
        (filters?.upToDate !== true || isUpToDate(view, task))
      );
    }),
  );
}

export const listClusters = (view: View, { filters }: ListClustersRequest): readonly Cluster[] =>
  listNamed(view, 'cluster', filters);

export const listNetworks = (view: View, { filters }: ListNetworksRequest): readonly Network[] =>
  listNamed(view, 'network', filters);

export const listVolumes = (view: View, { filters }: ListVolumesRequest): readonly Volume[] =>
  listNamed(view, 'volume', filters).filter(
    ({ spec }) =>
      anyOf(filters?.groups, spec?.group ?? '') &&
      anyOf(filters?.drivers, spec?.driver?.name ?? ''),
  );

function listNamed<K extends 'cluster' | 'network' | 'volume'>(
  view: View,
  kind: K,
  filters: LabelFilters | undefined,
): readonly Objects[K][] {
  return inIdOrder(
    candidates(view, kind, filters).filter(({ id, spec }) => {
      const name = spec?.annotations?.name ?? '';
      return (
        anyOf(filters?.names, name) &&
        anyPrefixOf(filters?.namePrefixes, name) &&
        anyPrefixOf(filters?.idPrefixes, id) &&
        hasLabels(filters?.labels, spec?.annotations?.labels)
      );
    }),
  );
}

/** Secrets that plugins made for themselves are not shown. */
export const listSecrets = (view: View, { filters }: ListSecretsRequest): readonly Secret[] =>
  listData(view, 'secret', filters).filter((secret) => !secret.internal);

export const listConfigs = (view: View, { filters }: ListConfigsRequest): readonly Config[] =>
  listData(view, 'config', filters);

export const listResources = (view: View, { filters }: ListResourcesRequest): readonly Resource[] =>
  listData(view, 'resource', filters).filter(
    ({ kind }) => filters === undefined || filters.kind === '' || filters.kind === kind,
  );

/** Here names, prefixes of names and prefixes of ids are one filter, and names go in any case. */
function listData<K extends 'secret' | 'config' | 'resource'>(
  view: View,
  kind: K,
  filters: LabelFilters | undefined,
): readonly Objects[K][] {
  const { names = [], namePrefixes = [], idPrefixes = [], labels } = filters ?? {};
  const lookUps: readonly By[] = [
    ...names.map((value) => ({ by: 'name', value }) as const),
    ...namePrefixes.map((value) => ({ by: 'namePrefix', value }) as const),
    ...idPrefixes.map((value) => ({ by: 'idPrefix', value }) as const),
  ];
  const found =
    lookUps.length === 0
      ? view.find(kind, { by: 'all' })
      : lookUps.flatMap((by) => view.find(kind, by));
  return inIdOrder(
    unique(found).filter((object) => hasLabels(labels, annotationsOf(object)?.labels)),
  );
}

const annotationsOf = (object: Secret | Config | Resource): Annotations | undefined =>
  'kind' in object ? object.annotations : object.spec?.annotations;

interface LabelFilters extends NameFilters {
  readonly labels: Readonly<Record<string, string>>;
}

/** Of all tasks, those of a service or of a node are what is mostly asked for. */
function taskCandidates(
  view: View,
  filters: ListTasksRequest_Filters | undefined,
): readonly Task[] {
  const { serviceIds = [], nodeIds = [] } = filters ?? {};
  if (serviceIds.length > 0)
    return unique(serviceIds.flatMap((id) => view.find('task', { by: 'service', id })));
  if (nodeIds.length > 0)
    return unique(nodeIds.flatMap((id) => view.find('task', { by: 'node', id })));
  return candidates(view, 'task', filters);
}

function isUpToDate(view: View, task: Task): boolean {
  const service = view.get('service', task.serviceId);
  return service !== undefined && !isTaskDirty(service, task, view.get('node', task.nodeId));
}
