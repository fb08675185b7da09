/** Extensions, and the resources that belong to them: kinds of objects that others keep in the store. */
import { isSwarmError } from '@swarmkit/sdk/plugin/errors';
import type {
  CreateExtensionRequest,
  CreateResourceRequest,
  RemoveExtensionRequest,
  RemoveResourceRequest,
  UpdateResourceRequest,
} from '@swarmkit/sdk/wire/gen/swarmkit/control';
import { Extension, Resource } from '@swarmkit/sdk/wire/gen/swarmkit/objects';
import { invalid, missingArgument, notFound } from './refusals.js';
import { atVersion, createNamed, remove, update, type WriteContext } from './write-context.js';

/** Also a name of one of the store's own kinds counts as taken. */
export function createExtension(
  context: WriteContext,
  { annotations, description }: CreateExtensionRequest,
): Extension {
  if (annotations === undefined || annotations.name === '')
    throw invalid('extension name must be provided');
  const extension = Extension.create({ id: context.id(), annotations, description });
  return createNamed(
    context,
    'extension',
    extension,
    `extension ${annotations.name} already exists`,
  );
}

/** The store refuses it while there are resources of this kind. */
export function removeExtension(
  context: WriteContext,
  { extensionId }: RemoveExtensionRequest,
): void {
  if (extensionId === '') throw missingArgument();
  const extension = context.draft.get('extension', extensionId);
  if (extension === undefined) throw notFound('extension', extensionId);
  remove(context, 'extension', extension);
}

/** `kind` is the name of an extension. */
export function createResource(
  context: WriteContext,
  { annotations, kind, payload }: CreateResourceRequest,
): Resource {
  if (annotations === undefined || annotations.name === '')
    throw invalid('Resource must have a name');
  if (kind === '') throw invalid('Resource must belong to an Extension');
  if (context.draft.find('extension', { by: 'name', value: kind }).length === 0)
    throw invalid(`Kind ${kind} is not registered`);
  const resource = Resource.create({ id: context.id(), annotations, kind, payload });
  return createNamed(
    context,
    'resource',
    resource,
    `A resource with name ${annotations.name} already exists`,
  );
}

/** What is left out of the request stays. A version that is too old is told with another kind than elsewhere. */
export function updateResource(
  context: WriteContext,
  { resourceId, resourceVersion, annotations, payload }: UpdateResourceRequest,
): Resource {
  if (resourceId === '' || resourceVersion === undefined)
    throw invalid('must include ID and version');
  const old = context.draft.get('resource', resourceId);
  if (old === undefined) throw notFound('resource', resourceId);
  if (annotations !== undefined && annotations.name !== old.annotations?.name)
    throw invalid('cannot change resource name');
  const changed = {
    ...old,
    annotations: annotations ?? old.annotations,
    payload: payload ?? old.payload,
  };
  try {
    return update(context, 'resource', atVersion(changed, resourceVersion), old);
  } catch (error) {
    if (isSwarmError(error) && error.code === 'STORE_CONFLICT')
      throw invalid('update out of sequence');
    throw error;
  }
}

export function removeResource(context: WriteContext, { resourceId }: RemoveResourceRequest): void {
  if (resourceId === '') throw missingArgument();
  const resource = context.draft.get('resource', resourceId);
  if (resource === undefined) throw notFound('resource', resourceId);
  remove(context, 'resource', resource);
}
