import { timestampToMs } from '@swarmkit/sdk/model/time';
import { type JsonValue, toJson } from '@swarmkit/sdk/wire/json';
import * as names from './names.js';

/**
 * Objects for scripts: wire names in camel case, enums by name, 64-bit integers as numbers where exact,
 * instants as `2026-01-31T12:00:00.000Z` and spans as `1.5s`, as protobuf's own JSON has them.
 */

export type ListedKind =
  | 'task'
  | 'node'
  | 'service'
  | 'cluster'
  | 'network'
  | 'secret'
  | 'config'
  | 'volume';

export const jsonOf = (kind: ListedKind, object: object): JsonValue =>
  readable(enums[kind], '', toJson(object));

function readable(rules: Rules, path: string, value: JsonValue): JsonValue {
  if (Array.isArray(value)) return value.map((item) => readable(rules, path, item as JsonValue));
  const namer = rules[path];
  if (typeof value === 'number' && namer !== undefined) return namer(value);
  if (typeof value !== 'object') return value;
  const time = timeOf(path, value as Fields);
  if (time !== undefined) return time;
  return Object.fromEntries(
    Object.entries(value).map(([key, inner]) => [
      key,
      readable(rules, path === '' ? key : `${path}.${key}`, inner),
    ]),
  );
}

type Fields = Readonly<Record<string, JsonValue>>;

/** The two messages of time look alike; where they stand tells which it is. */
function timeOf(path: string, { seconds, nanos, ...rest }: Fields): string | undefined {
  if (typeof seconds !== 'number' || typeof nanos !== 'number' || Object.keys(rest).length > 0)
    return undefined;
  if (/(?:At|timestamp|[eE]xecution|\.expiry)$/.test(path)) {
    const at = timestampToMs({ seconds: BigInt(seconds), nanos });
    // What no Date can hold stays as it is.
    return Math.abs(at) > 8.64e15 ? undefined : new Date(at).toISOString();
  }
  return `${Number((seconds + nanos / 1e9).toFixed(9))}s`;
}

/** By the path from the object's root; lists and oneofs add no step of their own. */
type Rules = Readonly<Record<string, names.Namer>>;

const under = (prefix: string, rules: Rules): Rules =>
  Object.fromEntries(Object.entries(rules).map(([path, namer]) => [`${prefix}.${path}`, namer]));

const ports: Rules = {
  'ports.protocol': names.protocol,
  'ports.publishMode': names.publishMode,
};
const endpointSpec: Rules = { mode: names.resolutionMode, ...ports };
const endpoint: Rules = { ...under('spec', endpointSpec), ...ports };
const updateConfig: Rules = {
  failureAction: names.failureAction,
  order: names.updateOrder,
};
const taskSpec: Rules = {
  'restart.condition': names.restartCondition,
  ...under('runtime.container', {
    isolation: names.isolation,
    'mounts.type': names.mountType,
    'mounts.consistency': names.mountConsistency,
    'mounts.bindOptions.propagation': names.propagation,
    'privileges.seccomp.mode': names.seccompMode,
    'privileges.apparmor.mode': names.appArmorMode,
  }),
};
const serviceSpec: Rules = {
  ...under('task', taskSpec),
  ...under('endpoint', endpointSpec),
  ...under('update', updateConfig),
  ...under('rollback', updateConfig),
};

const enums: Readonly<Record<ListedKind, Rules>> = {
  service: {
    ...under('spec', serviceSpec),
    ...under('previousSpec', serviceSpec),
    ...under('endpoint', endpoint),
    'updateStatus.state': names.updateState,
  },
  task: {
    ...under('spec', taskSpec),
    ...under('endpoint', endpoint),
    desiredState: names.taskState,
    'status.state': names.taskState,
    ...under('status.portStatus', ports),
  },
  node: {
    role: names.nodeRole,
    'spec.availability': names.availability,
    'spec.membership': names.membership,
    'spec.desiredRole': names.nodeRole,
    'status.state': names.nodeState,
    'managerStatus.reachability': names.reachability,
    'certificate.role': names.nodeRole,
    'certificate.status.state': names.issuanceState,
  },
  cluster: {
    'spec.acceptancePolicy.policies.role': names.nodeRole,
    'spec.caConfig.externalCas.protocol': names.caProtocol,
  },
  network: {},
  secret: {},
  config: {},
  volume: {
    'spec.accessMode.scope': names.volumeScope,
    'spec.accessMode.sharing': names.volumeSharing,
    'spec.availability': names.volumeAvailability,
  },
};
