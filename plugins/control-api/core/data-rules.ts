/** What secrets and configs have in common: small named data that services refer to. */
import type { View } from '@swarmkit/sdk/contracts/store';
import { type DataKind, dataSizeProblem } from '@swarmkit/sdk/model/data-size';
import { bytesEqual } from '@swarmkit/sdk/model/wire-equal';
import type { ConfigSpec, SecretSpec } from '@swarmkit/sdk/wire/gen/swarmkit/specs';
import { couldNotFind, inUse, invalid } from './refusals.js';

export function checkSize(kind: DataKind, data: Uint8Array): void {
  const problem = dataSizeProblem(kind, data);
  if (problem !== undefined) throw invalid(problem);
}

export function checkId(kind: DataKind, id: string): void {
  if (id === '') throw invalid(`${kind} ID must be provided`);
}

/** Tasks hold what they were given, so data never changes; it may be left out of the request. */
export function checkOnlyLabelsChange(
  old: SecretSpec | ConfigSpec | undefined,
  spec: SecretSpec | ConfigSpec,
): void {
  const sameName = old?.annotations?.name === spec.annotations?.name;
  const sameData = spec.data.length === 0 || (old !== undefined && bytesEqual(old.data, spec.data));
  if (!sameName || !sameData) throw invalid('only updates to Labels are allowed');
}

/** The stored spec with the labels of the request. */
export const relabelled = <S extends SecretSpec | ConfigSpec>(old: S, spec: S): S => ({
  ...old,
  annotations: old.annotations && {
    ...old.annotations,
    labels: spec.annotations?.labels ?? {},
  },
});

/** The object to remove, when no service needs it. */
export function unused<K extends DataKind>(view: View, kind: K, id: string) {
  checkId(kind, id);
  const object = view.get(kind, id);
  if (object === undefined) throw couldNotFind(kind, id);
  const users = view
    .find('service', kind === 'secret' ? { by: 'secret', id } : { by: 'config', id })
    .map((service) => service.spec?.annotations?.name ?? '')
    .sort();
  if (users.length > 0)
    throw inUse(
      `${kind} '${object.spec?.annotations?.name ?? ''}' is in use by the following service${users.length > 1 ? 's' : ''}: ${users.join(', ')}`,
      'invalid-argument',
    );
  return object;
}
