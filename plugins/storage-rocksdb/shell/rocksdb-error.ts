/**
 * Turns what RocksDB and the file system throw into the errors of the storage contract, once, here.
 * RocksDB's errors have no codes, only texts (`Status::ToString`): `IO error: …`, `Corruption: …`.
 */
import { isSwarmError, messageOf, SwarmError } from '@swarmkit/sdk/plugin/errors';

export interface Place {
  readonly space: string;
  readonly folder: string;
}

export function storageError(error: unknown, { space, folder }: Place): SwarmError {
  if (isSwarmError(error)) return error;
  const text = messageOf(error);
  const options = { cause: error, detail: { space, folder } };
  if (/no space left on device|ENOSPC|disk quota exceeded|EDQUOT/i.test(text))
    return new SwarmError(
      'resource-exhausted',
      'STORAGE_FULL',
      `the disk that holds ${folder} is full: make room, writes work again without a restart`,
      options,
    );
  if (/lock file|lock hold by current process/i.test(text))
    return new SwarmError(
      'failed-precondition',
      'STORAGE_LOCKED',
      `${folder} is in use by another process: stop that process or choose another state folder`,
      options,
    );
  if (/^Corruption|checksum mismatch|^Invalid argument|No such file or directory/.test(text))
    return corrupt({ space, folder }, text, error);
  return new SwarmError(
    'unavailable',
    'STORAGE_IO',
    `${folder} cannot be read or written (${text}): check the disk and the permissions of the folder`,
    options,
  );
}

export const corrupt = ({ space, folder }: Place, what: string, cause?: unknown): SwarmError =>
  new SwarmError(
    'data-loss',
    'STORAGE_CORRUPT',
    `the data in ${folder} is damaged (${what}): restore the folder from a backup, or move it away to begin with an empty one`,
    { cause, detail: { space, folder } },
  );

export const closed = ({ space, folder }: Place): SwarmError =>
  new SwarmError(
    'failed-precondition',
    'STORAGE_CLOSED',
    `space ${space} in ${folder} is closed: open it again`,
  );
