import { EndpointSpec, EndpointSpec_ResolutionMode } from '@swarmkit/sdk/wire/gen/swarmkit/specs';
import type { PortConfig } from '@swarmkit/sdk/wire/gen/swarmkit/types';
import { namedPort, portSelector, publishedPorts } from './ports.js';
import type { ServiceFlags } from './service-flags.js';
import { oneOf } from './units.js';

const resolutionModes = {
  vip: EndpointSpec_ResolutionMode.VIP,
  dnsrr: EndpointSpec_ResolutionMode.DNSRR,
} as const;

/** Undefined stays undefined when no flag of the endpoint is given. */
export function applyEndpoint(
  before: EndpointSpec | undefined,
  flags: ServiceFlags,
): EndpointSpec | undefined {
  const { publish, ports, publishAdd, publishRm, endpointMode } = flags;
  if ((publish ?? ports ?? publishAdd ?? publishRm ?? endpointMode) === undefined) return before;
  const base = before ?? EndpointSpec.create();
  const given =
    (publish ?? ports) === undefined
      ? base.ports
      : [
          ...(publish ?? []).flatMap((text) => publishedPorts('--publish', text)),
          ...(ports ?? []).map((text) => namedPort('--ports', text)),
        ];
  const removed = (publishRm ?? []).map((text) => portSelector('--publish-rm', text));
  const kept = given.filter((port) => !removed.some((means) => means(port)));
  const added = (publishAdd ?? [])
    .flatMap((text) => publishedPorts('--publish-add', text))
    .filter((port) => !kept.some((other) => isSame(other, port)));
  return {
    ...base,
    ...(endpointMode !== undefined && {
      mode: oneOf('--endpoint-mode', resolutionModes, endpointMode),
    }),
    ports: [...kept, ...added],
  };
}

const isSame = (a: PortConfig, b: PortConfig): boolean =>
  a.targetPort === b.targetPort &&
  a.publishedPort === b.publishedPort &&
  a.protocol === b.protocol &&
  a.publishMode === b.publishMode;
