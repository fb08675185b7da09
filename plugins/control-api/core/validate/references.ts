/** References to secrets and configs: complete, and no two in one file. Whether they exist is asked later. */
import type { ContainerSpec } from '@swarmkit/sdk/wire/gen/swarmkit/specs';
import type { ConfigReference, SecretReference } from '@swarmkit/sdk/wire/gen/swarmkit/types';
import { invalid } from '../refusals.js';

export function validateReferences(container: ContainerSpec): void {
  validateTargets('secret', container.secrets.map(ofSecret));
  validateTargets('config', container.configs.map(ofConfig));
  validateCredentialConfig(container);
}

interface Reference {
  readonly id: string;
  readonly name: string;
  readonly target: SecretReference['target'] | ConfigReference['target'];
}

const ofSecret = ({ secretId, secretName, target }: SecretReference): Reference => ({
  id: secretId,
  name: secretName,
  target,
});

const ofConfig = ({ configId, configName, target }: ConfigReference): Reference => ({
  id: configId,
  name: configName,
  target,
});

function validateTargets(kind: 'secret' | 'config', references: readonly Reference[]): void {
  const usedBy = new Map<string, string>();
  for (const { id, name, target } of references) {
    if (id === '' || name === '') throw invalid(`malformed ${kind} reference`);
    if (target === undefined) throw invalid(`malformed ${kind} reference, no target provided`);
    if (target.$case !== 'file') continue;
    const file = target.value.name;
    if (file === '')
      throw invalid(`malformed file ${kind} reference, invalid target file name provided`);
    const other = usedBy.get(file);
    if (other !== undefined)
      throw invalid(
        `${kind} references '${other}' and '${name}' have a conflicting target: '${file}'`,
      );
    usedBy.set(file, name);
  }
}

/** A config that gives the credential spec must be listed, for the runtime's own use. */
function validateCredentialConfig(container: ContainerSpec): void {
  const source = container.privileges?.credentialSpec?.source;
  if (source?.$case !== 'config' || source.value === '') return;
  const listed = container.configs.some(
    (config) => config.configId === source.value && config.target?.$case === 'runtime',
  );
  if (!listed)
    throw invalid(
      `CredentialSpec references config '${source.value}', but that config isn't in config references with RuntimeTarget`,
    );
}
