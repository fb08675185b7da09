import type { Annotations } from '@swarmkit/sdk/wire/gen/swarmkit/types';
import { invalid } from '../refusals.js';

/** Names of services and networks become DNS names. */
export function validateAnnotations(annotations: Annotations | undefined): void {
  const name = annotations?.name ?? '';
  if (name === '') throw invalid('meta: name must be provided');
  if (!/^[a-zA-Z0-9](?:[a-zA-Z0-9_-]*[a-zA-Z0-9])?$/.test(name))
    throw invalid('name must be valid as a DNS name component');
  if (name.length > 63) throw invalid('name must be 63 characters or fewer');
}

/** Names of secrets and configs become file names. */
export function validateDataName(annotations: Annotations | undefined): void {
  const name = annotations?.name ?? '';
  if (name === '') throw invalid('name must be provided');
  if (name.length > 64 || !/^[a-zA-Z0-9](?:[a-zA-Z0-9._-]*[a-zA-Z0-9])?$/.test(name))
    throw invalid(
      'invalid name, only 64 [a-zA-Z0-9-_.] characters allowed, and the start and end character must be [a-zA-Z0-9]',
    );
}
