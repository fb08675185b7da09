/** `--credential-spec`: where the account of a Windows container is described. Named as in Docker's CLI. */
import type { ContainerSpec } from '@swarmkit/sdk/wire/gen/swarmkit/specs';
import {
  type ConfigReference,
  Privileges,
  type Privileges_CredentialSpec,
} from '@swarmkit/sdk/wire/gen/swarmkit/types';
import type { Meanings } from './data-references.js';
import { unreadable } from './units.js';

/** The word with which the flag names a config, if it does. */
export const credentialConfigWord = (text: string | undefined): string | undefined =>
  text?.startsWith('config://') ? text.slice('config://'.length) : undefined;

/** A config that holds it is listed among those of the container, without a file: the API asks for both. */
export function applyCredentialSpec(
  base: ContainerSpec,
  configs: readonly ConfigReference[],
  text: string | undefined,
  meanings: Meanings,
): Pick<ContainerSpec, 'privileges' | 'configs'> {
  if (text === undefined) return { privileges: base.privileges, configs };
  const before = base.privileges?.credentialSpec?.source;
  const kept = configs.filter(
    ({ configId, target }) =>
      !(before?.$case === 'config' && configId === before.value && target?.$case === 'runtime'),
  );
  const privileges = base.privileges ?? Privileges.create();
  if (text === '')
    return { privileges: { ...privileges, credentialSpec: undefined }, configs: kept };
  const word = credentialConfigWord(text);
  const source = word === undefined ? elsewhere(text) : undefined;
  if (word === undefined)
    return { privileges: { ...privileges, credentialSpec: { source } }, configs: kept };
  const { id, name } = meanings.get(word) ?? { id: word, name: word };
  return {
    privileges: { ...privileges, credentialSpec: { source: { $case: 'config', value: id } } },
    configs: [...kept, { configId: id, configName: name, target: { $case: 'runtime', value: {} } }],
  };
}

function elsewhere(text: string): Privileges_CredentialSpec['source'] {
  const match = /^(file|registry):\/\/(.+)$/.exec(text);
  if (match === null)
    throw unreadable(
      '--credential-spec',
      text,
      'write config://NAME, file://FILE or registry://NAME',
    );
  return { $case: match[1] as 'file' | 'registry', value: match[2] ?? '' };
}
