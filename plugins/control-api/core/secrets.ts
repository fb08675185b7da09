/** Secrets: stored by managers, handed to the nodes that need them, never shown again. */
import type { View } from '@swarmkit/sdk/contracts/store';
import type {
  CreateSecretRequest,
  RemoveSecretRequest,
  UpdateSecretRequest,
} from '@swarmkit/sdk/wire/gen/swarmkit/control';
import { Secret } from '@swarmkit/sdk/wire/gen/swarmkit/objects';
import { SecretSpec } from '@swarmkit/sdk/wire/gen/swarmkit/specs';
import { checkId, checkOnlyLabelsChange, checkSize, relabelled, unused } from './data-rules.js';
import { invalid, missingArgument, notFound } from './refusals.js';
import { validateDataName } from './validate/annotations.js';
import { atVersion, createNamed, remove, update, type WriteContext } from './write-context.js';

/** As it may leave the managers. */
export const withoutData = (secret: Secret): Secret => ({
  ...secret,
  spec: secret.spec && { ...secret.spec, data: noData },
});
const noData = SecretSpec.create().data;

export function getSecret(view: View, id: string): Secret {
  checkId('secret', id);
  const secret = view.get('secret', id);
  if (secret === undefined) throw notFound('secret', id);
  return withoutData(secret);
}

export function createSecret(context: WriteContext, { spec }: CreateSecretRequest): Secret {
  if (spec === undefined) throw missingArgument();
  validateDataName(spec.annotations);
  // A driver fetches the data when a task needs it.
  if (spec.driver === undefined) checkSize('secret', spec.data);
  else if (spec.driver.name === '') throw invalid('secret driver must have a name');
  const secret = Secret.create({ id: context.id(), spec });
  const taken = `secret ${spec.annotations?.name ?? ''} already exists`;
  return withoutData(createNamed(context, 'secret', secret, taken));
}

export function updateSecret(
  context: WriteContext,
  { secretId, secretVersion, spec }: UpdateSecretRequest,
): Secret {
  if (secretId === '' || secretVersion === undefined || spec === undefined) throw missingArgument();
  const old = context.draft.get('secret', secretId);
  if (old?.spec === undefined) throw notFound('secret', secretId);
  checkOnlyLabelsChange(old.spec, spec);
  const changed = atVersion({ ...old, spec: relabelled(old.spec, spec) }, secretVersion);
  return withoutData(update(context, 'secret', changed, old));
}

export function removeSecret(context: WriteContext, { secretId }: RemoveSecretRequest): void {
  remove(context, 'secret', unused(context.draft, 'secret', secretId));
}
