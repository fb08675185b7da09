import type { Observable } from 'rxjs';
import { token } from '../plugin/token.js';

/**
 * The keys under which this manager encrypts its log at rest. They live in the headers of the node's key
 * file, themselves encrypted with the key-encryption key while the cluster is locked.
 *
 * Verbs: read, write (atomic: the key file is replaced whole).
 * Streams: `changed$`, told when the key-encryption key came or changed, so that a rotation is due.
 * Invariants: a key that was written survives certificate renewal and a change of the key-encryption
 * key; never logged.
 * Errors: CA_LOCKED (failed-precondition: the key file is locked and no unlock key was given), CA_STATE.
 * One provider.
 */
export interface DataKeys {
  read(): DataKeySet;
  write(keys: DataKeySet): Promise<void>;
  readonly changed$: Observable<void>;
}

/** Keys are 32 bytes. */
export interface DataKeySet {
  /** Undefined before the first log was made, and after the node ceased to be a manager. */
  readonly current: Uint8Array | undefined;
  /** New records are under this one already; it becomes `current` when nothing is under the old one. */
  readonly pending: Uint8Array | undefined;
  /** Rotate once more when the rotation in progress is done. */
  readonly needsRotation: boolean;
}

export const DataKeys = token<DataKeys>('swarmkit.data-keys.v1');
