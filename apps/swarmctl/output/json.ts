import { type JsonValue, toJson } from '@swarmkit/sdk/wire/json';
import * as names from './names.js';

/** Objects for scripts: wire names in camel case, enums by name, 64-bit integers as numbers where exact. */

type Namer = (value: number | undefined) => string;

/** Which enum a field holds, by the path's end. `kind` tells `status.state` of a task from that of a node. */
const enums: Readonly<Record<string, Namer>> = {
  'task:desiredState': names.taskState,
  'task:status.state': names.taskState,
  'node:status.state': names.nodeState,
  'node:spec.availability': names.availability,
  'node:spec.membership': names.membership,
  'node:spec.desiredRole': names.nodeRole,
  'node:role': names.nodeRole,
  'node:managerStatus.reachability': names.reachability,
  'service:updateStatus.state': names.updateState,
};

export type ListedKind = 'task' | 'node' | 'service' | 'cluster';

export function jsonOf(kind: ListedKind, object: object): JsonValue {
  return named(kind, '', toJson(object));
}

function named(kind: ListedKind, path: string, value: JsonValue): JsonValue {
  if (Array.isArray(value)) return value.map((item) => named(kind, path, item as JsonValue));
  if (typeof value === 'object')
    return Object.fromEntries(
      Object.entries(value).map(([key, inner]) => {
        const at = path === '' ? key : `${path}.${key}`;
        const namer = enums[`${kind}:${at}`] ?? portEnum(path, key);
        return [key, namer && typeof inner === 'number' ? namer(inner) : named(kind, at, inner)];
      }),
    );
  return value;
}

const portEnum = (path: string, key: string): Namer | undefined => {
  if (!path.endsWith('ports')) return undefined;
  return key === 'protocol'
    ? names.protocol
    : key === 'publishMode'
      ? names.publishMode
      : undefined;
};

export const print = (value: JsonValue): void => {
  process.stdout.write(`${JSON.stringify(value, null, 2)}\n`);
};
