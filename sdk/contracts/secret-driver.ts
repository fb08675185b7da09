import { extensionPoint } from '../plugin/token.js';
import type { EndpointSpec } from '../wire/gen/swarmkit/specs.js';

/**
 * Where the values of secrets with a driver (`SecretSpec.driver`) come from: a vault outside of the cluster.
 * Lives on the manager that leads; the value goes to the node of the task and is stored nowhere.
 *
 * Verbs: whether it answers to a driver's name; the value for one task.
 * Invariants: no value is kept or logged; the same request may come again (a new leader, a node that comes
 * back), and several at once. `get` ends soon after its signal aborts, which it does after 10 s.
 * Errors: whatever it throws is a reason that the task is rejected with, so its message must hold no secret.
 * Any number; the first in the order of ids that has the name is asked.
 */
export interface SecretDriver {
  readonly id: string;
  /** `name` is that of the driver in the secret's spec. */
  has(name: string): Promise<boolean>;
  get(request: SecretRequest, signal: AbortSignal): Promise<SecretValue>;
}

/** What SwarmKit tells a driver of the secret and of who wants it. */
export interface SecretRequest {
  readonly driver: string;
  /** Of the driver, in the secret's spec. */
  readonly options: Readonly<Record<string, string>>;
  readonly secretName: string;
  readonly secretLabels: Readonly<Record<string, string>>;
  readonly serviceId: string;
  readonly serviceName: string;
  readonly serviceLabels: Readonly<Record<string, string>>;
  /** As its spec has it: placeholders are not filled in. */
  readonly serviceHostname: string;
  readonly serviceEndpoint: EndpointSpec | undefined;
  readonly taskId: string;
  readonly taskName: string;
  readonly taskImage: string;
  readonly nodeId: string;
}

export interface SecretValue {
  /** 1 to 511,999 bytes. */
  readonly value: Uint8Array;
  /** For this task alone; else it may serve other tasks on the same node as long as one of them is there. */
  readonly doNotReuse: boolean;
}

export const SecretDrivers = extensionPoint<SecretDriver>('swarmkit.secret-driver.v1');
