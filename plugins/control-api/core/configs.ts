/** Configs: like secrets, but anyone who may ask may read them. */
import type { View } from '@swarmkit/sdk/contracts/store';
import type {
  CreateConfigRequest,
  RemoveConfigRequest,
  UpdateConfigRequest,
} from '@swarmkit/sdk/wire/gen/swarmkit/control';
import { Config } from '@swarmkit/sdk/wire/gen/swarmkit/objects';
import { checkId, checkOnlyLabelsChange, checkSize, relabelled, unused } from './data-rules.js';
import { missingArgument, notFound } from './refusals.js';
import { validateDataName } from './validate/annotations.js';
import { atVersion, createNamed, remove, update, type WriteContext } from './write-context.js';

export function getConfig(view: View, id: string): Config {
  checkId('config', id);
  const config = view.get('config', id);
  if (config === undefined) throw notFound('config', id);
  return config;
}

export function createConfig(context: WriteContext, { spec }: CreateConfigRequest): Config {
  if (spec === undefined) throw missingArgument();
  validateDataName(spec.annotations);
  checkSize('config', spec.data);
  const config = Config.create({ id: context.id(), spec });
  const taken = `config ${spec.annotations?.name ?? ''} already exists`;
  return createNamed(context, 'config', config, taken);
}

export function updateConfig(
  context: WriteContext,
  { configId, configVersion, spec }: UpdateConfigRequest,
): Config {
  if (configId === '' || configVersion === undefined || spec === undefined) throw missingArgument();
  const old = context.draft.get('config', configId);
  if (old?.spec === undefined) throw notFound('config', configId);
  checkOnlyLabelsChange(old.spec, spec);
  const changed = atVersion({ ...old, spec: relabelled(old.spec, spec) }, configVersion);
  return update(context, 'config', changed, old);
}

export function removeConfig(context: WriteContext, { configId }: RemoveConfigRequest): void {
  remove(context, 'config', unused(context.draft, 'config', configId));
}
