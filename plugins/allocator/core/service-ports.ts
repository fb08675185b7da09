/**
 * The ports of one service: what its spec asks for, with numbers for those it leaves open.
 * All or nothing: on a problem nothing is taken and the service keeps what it had.
 */
import { isIngressPort } from '@swarmkit/sdk/model/ingress';
import type { EndpointSpec } from '@swarmkit/sdk/wire/gen/swarmkit/specs';
import { type PortConfig, PortConfig_Protocol } from '@swarmkit/sdk/wire/gen/swarmkit/types';
import {
  automaticFrom,
  automaticTo,
  isAutomatic,
  isSamePort,
  isValidPort,
  type PortSpace,
  portKey,
} from './port-space.js';

export type PortsOrProblem =
  | { readonly ports: readonly PortConfig[]; readonly problem?: undefined }
  | { readonly problem: string; readonly ports?: undefined };

/** `space` is asked for only when the service does not already hold all that it needs. */
export function servicePorts(
  serviceId: string,
  spec: EndpointSpec,
  held: readonly PortConfig[],
  space: () => PortSpace,
): PortsOrProblem {
  const mine = new Set<number>();
  const fixed: PortConfig[] = [];
  // Ports of HOST mode are the engine's business; two of them that clash are the scheduler's.
  for (const port of spec.ports) {
    if (isAutomatic(port)) continue;
    if (isIngressPort(port)) {
      const problem = takeNamed(serviceId, port, held, mine, space);
      if (problem !== undefined) return { problem };
      mine.add(portKey(port.protocol, port.publishedPort));
    }
    fixed.push(port);
  }
  const automatic: PortConfig[] = [];
  const picked: PortConfig[] = [];
  for (const port of spec.ports) {
    if (!isAutomatic(port)) continue;
    let number = heldNumber(port, spec, held, mine);
    if (number === undefined) {
      number = space().pick(port.protocol, (n) => mine.has(portKey(port.protocol, n)));
      if (number === undefined) return { problem: noneLeft(port) };
      picked.push({ ...port, publishedPort: number });
    }
    mine.add(portKey(port.protocol, number));
    automatic.push({ ...port, publishedPort: number });
  }
  for (const port of picked) space().picked(port.protocol, port.publishedPort);
  return { ports: [...fixed, ...automatic] };
}

function takeNamed(
  serviceId: string,
  port: PortConfig,
  held: readonly PortConfig[],
  mine: ReadonlySet<number>,
  space: () => PortSpace,
): string | undefined {
  if (!isValidPort(port.publishedPort))
    return `port ${nameOf(port)} cannot be published: requested id does not belong to the set`;
  if (mine.has(portKey(port.protocol, port.publishedPort)))
    return `port ${nameOf(port)} cannot be published: requested bit is already allocated`;
  const alreadyHeld = held.some(
    (other) =>
      isIngressPort(other) &&
      other.protocol === port.protocol &&
      other.publishedPort === port.publishedPort,
  );
  if (alreadyHeld) return undefined;
  const holder = space().holder(port);
  if (holder === undefined || holder === serviceId) return undefined;
  return `port ${nameOf(port)} cannot be published: requested bit is already allocated (by service ${holder})`;
}

/** An automatic port keeps its number for as long as the service has as many ports as before. */
function heldNumber(
  port: PortConfig,
  spec: EndpointSpec,
  held: readonly PortConfig[],
  mine: ReadonlySet<number>,
): number | undefined {
  if (held.length !== spec.ports.length) return undefined;
  return held.find(
    (other) =>
      other.publishedPort !== 0 &&
      isSamePort(other, port) &&
      !mine.has(portKey(other.protocol, other.publishedPort)),
  )?.publishedPort;
}

const noneLeft = (port: PortConfig): string =>
  `port ${port.targetPort} cannot be published: no ${protocolName(port)} port is free between ${automaticFrom} and ${automaticTo}; remove a service or name a port`;

const nameOf = (port: PortConfig): string => `${port.publishedPort}/${protocolName(port)}`;

const protocolName = (port: PortConfig): string =>
  (PortConfig_Protocol[port.protocol] ?? `protocol ${port.protocol}`).toLowerCase();
