import { extensionPoint } from '../plugin/token.js';
import type { ObjectKind, Objects, View } from './store.js';

/**
 * A word on every object that a user creates, changes or removes, before it is written.
 * Each in the order of ids: a hook sees what the one before returned. It returns the object (as it was
 * or changed) or throws SwarmError to refuse. Synchronous and pure: it runs inside the write.
 */
export interface AdmissionHook {
  readonly id: string;
  admit<K extends ObjectKind>(request: AdmissionRequest<K>): Objects[K];
}

export interface AdmissionRequest<K extends ObjectKind = ObjectKind> {
  readonly kind: K;
  readonly action: 'create' | 'update' | 'remove';
  readonly object: Objects[K];
  readonly old: Objects[K] | undefined;
  readonly view: View;
}

export const AdmissionHooks = extensionPoint<AdmissionHook>('swarmkit.admission.v1');
