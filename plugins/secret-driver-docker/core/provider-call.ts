/**
 * The words of Docker's secret provider plugins: where one is found by its name, what it is asked, and what
 * its answer means. Names as in Docker's plugin protocol.
 */
import type { SecretRequest, SecretValue } from '@swarmkit/sdk/contracts/secret-driver';
import { SwarmError } from '@swarmkit/sdk/plugin/errors';

export const activatePath = '/Plugin.Activate';
export const getSecretPath = '/SecretProvider.GetSecret';
export const contentType = 'application/vnd.docker.plugins.v1.2+json';

/** What may be the name of a file and nothing else: it comes from whoever may create secrets. */
export const isPluginName = (name: string): boolean => /^[a-zA-Z0-9][a-zA-Z0-9_.-]*$/.test(name);

/** A file that may be there: a socket, or one line that says where the plugin listens. */
export interface Candidate {
  readonly path: string;
  readonly kind: 'socket' | 'spec';
}

export const candidates = (folder: string, name: string): readonly Candidate[] => [
  { path: `${folder}/${name}.sock`, kind: 'socket' },
  { path: `${folder}/${name}/${name}.sock`, kind: 'socket' },
  { path: `${folder}/${name}.spec`, kind: 'spec' },
  { path: `${folder}/${name}/${name}.spec`, kind: 'spec' },
];

export type Address =
  | { readonly socketPath: string }
  | { readonly host: string; readonly port: string };

/** `unix:///run/vault.sock`, `tcp://127.0.0.1:8000`; undefined for what is neither. */
export function addressOf(spec: string): Address | undefined {
  const text = spec.trim();
  const socketPath = /^unix:\/\/(\/.+)$/.exec(text)?.[1];
  if (socketPath !== undefined) return { socketPath };
  const [, host, port] = /^(?:tcp|http):\/\/([^:/]+|\[[^\]]+\]):(\d+)\/?$/.exec(text) ?? [];
  return host === undefined || port === undefined
    ? undefined
    : { host: host.replace(/^\[|\]$/g, ''), port };
}

export const isProvider = (answer: unknown): boolean => {
  const kinds = (answer as { readonly Implements?: unknown } | null)?.Implements;
  return Array.isArray(kinds) && kinds.includes('secretprovider');
};

/** Modes and protocols are the numbers of the wire: plugins read them into integers, and refuse words. */
export const bodyOf = (request: SecretRequest): string =>
  JSON.stringify({
    SecretName: request.secretName,
    SecretLabels: request.secretLabels,
    ServiceHostname: request.serviceHostname,
    ServiceName: request.serviceName,
    ServiceID: request.serviceId,
    ServiceLabels: request.serviceLabels,
    TaskID: request.taskId,
    TaskName: request.taskName,
    TaskImage: request.taskImage,
    NodeID: request.nodeId,
    ...(request.serviceEndpoint && {
      ServiceEndpointSpec: {
        Mode: request.serviceEndpoint.mode,
        Ports: request.serviceEndpoint.ports.map((port) => ({
          Name: port.name,
          Protocol: port.protocol,
          PublishedPort: port.publishedPort,
          TargetPort: port.targetPort,
          PublishMode: port.publishMode,
        })),
      },
    }),
  });

/** `answer`: the JSON of a reply. Values are in base64. */
export function secretValue(driver: string, answer: unknown): SecretValue {
  const { Value, Err, DoNotReuse } = (answer ?? {}) as Readonly<Record<string, unknown>>;
  if (typeof Err === 'string' && Err !== '')
    throw new SwarmError('failed-precondition', 'SECRET_PLUGIN_REFUSED', Err);
  if (Value !== undefined && Value !== null && typeof Value !== 'string')
    throw badAnswer(driver, 'its value is no text');
  const text = (Value ?? '').replace(/[\r\n]/g, '');
  const value = Buffer.from(text, 'base64');
  // Node skips what does not belong there: a plain password would become other bytes.
  if (value.toString('base64') !== text) throw badAnswer(driver, 'its value is not in base64');
  return { value, doNotReuse: DoNotReuse === true };
}

export const badAnswer = (driver: string, why: string): SwarmError =>
  new SwarmError(
    'unavailable',
    'SECRET_PLUGIN_ANSWER',
    `secret plugin ${driver} gave no good answer: ${why}`,
  );
