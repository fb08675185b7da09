import type { ObjectKind, Objects } from '../contracts/store.js';
import { taskName } from './task.js';

/**
 * What each kind is called, and where that name must be unique.
 * Nodes are called by their hostname and tasks by `taskName`; neither is unique.
 */
export function objectName(kind: ObjectKind, object: Objects[ObjectKind]): string {
  switch (kind) {
    case 'node':
      return (object as Objects['node']).description?.hostname ?? '';
    case 'task':
      return taskName(object as Objects['task']);
    case 'resource':
    case 'extension':
      return (object as Objects['resource' | 'extension']).annotations?.name ?? '';
    default:
      return (
        (object as Objects['service' | 'network' | 'cluster' | 'secret' | 'config' | 'volume']).spec
          ?.annotations?.name ?? ''
      );
  }
}

/** Names are compared case-insensitively. */
export const nameKey = (name: string): string => name.toLowerCase();

export const hasUniqueName = (kind: ObjectKind): boolean => kind !== 'node' && kind !== 'task';

/** SwarmKit's own tables: an extension must not take the name of one. */
export const objectKinds = [
  'node',
  'service',
  'network',
  'task',
  'cluster',
  'secret',
  'config',
  'volume',
  'extension',
  'resource',
] as const satisfies readonly ObjectKind[];
