/** Services: what users create, change, roll back and remove. */
import { isJob } from '@swarmkit/sdk/model/task';
import { timestampFromMs } from '@swarmkit/sdk/model/time';
import { wireEqual } from '@swarmkit/sdk/model/wire-equal';
import {
  type CreateServiceRequest,
  type RemoveServiceRequest,
  type UpdateServiceRequest,
  UpdateServiceRequest_Rollback,
} from '@swarmkit/sdk/wire/gen/swarmkit/control';
import { Service } from '@swarmkit/sdk/wire/gen/swarmkit/objects';
import type { ServiceSpec } from '@swarmkit/sdk/wire/gen/swarmkit/specs';
import { UpdateStatus_UpdateState, type Version } from '@swarmkit/sdk/wire/gen/swarmkit/types';
import { immutable, missingArgument, notFound, precondition } from './refusals.js';
import {
  checkIngressPresent,
  checkNoIngressAttachment,
  checkPortsFree,
  checkReferencesExist,
  checkTaskCount,
  checkUpdateRoom,
} from './service-surroundings.js';
import { validateService } from './validate-service.js';
import { atVersion, createNamed, remove, update, type WriteContext } from './write-context.js';

export function createService(context: WriteContext, { spec }: CreateServiceRequest): Service {
  validateService(spec);
  checkTaskCount(context.draft, spec, undefined, context.maxTasks);
  checkNoIngressAttachment(context.draft, spec);
  checkPortsFree(context.draft, spec, undefined);
  checkIngressPresent(context.draft, spec);
  checkReferencesExist(context.draft, spec);
  checkUpdateRoom(context.draft, spec);
  const service = Service.create({ id: context.id(), spec, specVersion: { index: 0n } });
  const jobStatus = isJob(service)
    ? { jobIteration: { index: 0n }, lastExecution: timestampFromMs(context.now) }
    : undefined;
  return createNamed(
    context,
    'service',
    { ...service, jobStatus },
    `name conflicts with an existing object: service ${spec.annotations?.name ?? ''} already exists`,
  );
}

export function updateService(context: WriteContext, request: UpdateServiceRequest): Service {
  const { serviceId, serviceVersion, spec, rollback } = request;
  if (serviceId === '' || serviceVersion === undefined) throw missingArgument();
  validateService(spec);
  const { draft } = context;
  checkNoIngressAttachment(draft, spec);
  const old = draft.get('service', serviceId);
  if (old === undefined) throw notFound('service', serviceId);
  if (!wireEqual(old.spec?.endpoint, spec.endpoint)) checkPortsFree(draft, spec, serviceId);
  checkMayChange(old, spec);
  checkTaskCount(draft, spec, old, context.maxTasks);
  checkReferencesExist(draft, spec);
  checkSameIdentity(old, spec);
  const changed =
    rollback === UpdateServiceRequest_Rollback.PREVIOUS
      ? rolledBack(old, context.now)
      : respecified(old, spec, serviceVersion);
  checkIngressPresent(draft, changed.spec);
  // The way back to what was there before stays open.
  if (rollback !== UpdateServiceRequest_Rollback.PREVIOUS) checkUpdateRoom(draft, spec);
  return update(
    context,
    'service',
    atVersion(nextIteration(changed, context.now), serviceVersion),
    old,
  );
}

/** Tasks follow: the orchestrator removes those without a service. */
export function removeService(context: WriteContext, { serviceId }: RemoveServiceRequest): void {
  if (serviceId === '') throw missingArgument();
  const service = context.draft.get('service', serviceId);
  if (service === undefined) throw notFound('service', serviceId);
  remove(context, 'service', service);
}

/** Networks stood in the service itself once. Moving them is fine, changing them there is not. */
function checkMayChange(old: Service, spec: ServiceSpec): void {
  const inTask = !wireEqual(old.spec?.task?.networks ?? [], spec.task?.networks ?? []);
  if (!inTask && !wireEqual(old.spec?.networks ?? [], spec.networks))
    throw immutable('networks must be migrated to TaskSpec before being changed');
}

function checkSameIdentity(old: Service, spec: ServiceSpec): void {
  if (old.spec?.mode?.$case !== spec.mode?.$case)
    throw immutable('service mode change is not allowed');
  if (old.spec?.annotations?.name !== spec.annotations?.name)
    throw immutable('renaming services is not supported');
}

/**
 * The version of the request becomes the spec's: tasks that carry it are up to date. Without an update
 * status the updater begins afresh, also after a pause.
 */
const respecified = (service: Service, spec: ServiceSpec, version: Version): Service => ({
  ...service,
  previousSpec: service.spec,
  previousSpecVersion: service.specVersion,
  spec,
  specVersion: version,
  updateStatus: undefined,
});

/** Both specs change places, so that a rollback can be rolled back. */
function rolledBack(service: Service, now: number): Service {
  if (service.previousSpec === undefined)
    throw precondition(`service ${service.id} does not have a previous spec`);
  return {
    ...service,
    spec: service.previousSpec,
    specVersion: service.previousSpecVersion,
    previousSpec: service.spec,
    previousSpecVersion: service.specVersion,
    updateStatus: {
      state: UpdateStatus_UpdateState.ROLLBACK_STARTED,
      message: 'manually requested rollback',
      startedAt: timestampFromMs(now),
      completedAt: undefined,
    },
  };
}

/** Every update runs a job once more. */
function nextIteration(service: Service, now: number): Service {
  if (!isJob(service)) return service;
  const index = (service.jobStatus?.jobIteration?.index ?? 0n) + 1n;
  return {
    ...service,
    jobStatus: { jobIteration: { index }, lastExecution: timestampFromMs(now) },
  };
}
