import { SwarmError } from '@swarmkit/sdk/plugin/errors';

/** What a write can be refused with. The texts are SwarmKit's: clients match on them. */
export const storeErrors = {
  exists: () => new SwarmError('unknown', 'STORE_EXISTS', 'object already exists'),
  missing: () => new SwarmError('unknown', 'STORE_MISSING', 'object does not exist'),
  conflict: () => new SwarmError('unknown', 'STORE_CONFLICT', 'update out of sequence'),
  nameConflict: () =>
    new SwarmError('unknown', 'STORE_NAME_CONFLICT', 'name conflicts with an existing object'),
  noKind: () => new SwarmError('unknown', 'STORE_NO_KIND', 'object kind is unregistered'),
  extensionUpdate: () =>
    new SwarmError('unknown', 'STORE_EXTENSION_UPDATE', 'extensions are immutable'),
  extensionUsed: () =>
    new SwarmError(
      'unknown',
      'STORE_EXTENSION_USED',
      'cannot delete extension because objects of this type exist in the data store',
    ),
  tooLarge: (bytes: number) =>
    new SwarmError(
      'unknown',
      'STORE_TOO_LARGE',
      "raft: raft message is too large and can't be sent",
      { detail: { bytes } },
    ),
  find: (kind: string, by: string) =>
    new SwarmError('internal', 'STORE_FIND', 'invalid find argument type', {
      detail: { kind, by },
    }),
};
