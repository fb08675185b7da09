/**
 * Who holds which published port, in three spaces: TCP, UDP and SCTP. Read from the endpoints of all
 * services when a port has to be taken, so there is no second book that could disagree with the store.
 */
import { isIngressPort } from '@swarmkit/sdk/model/ingress';
import type { Service } from '@swarmkit/sdk/wire/gen/swarmkit/objects';
import type { PortConfig } from '@swarmkit/sdk/wire/gen/swarmkit/types';

/** Where automatic ports are picked, both ends included. */
export const automaticFrom = 30_000;
export const automaticTo = 32_767;
const lastPort = 65_535;

export class PortSpace {
  /** Port key to the id of the service that holds it. */
  private readonly holders = new Map<number, string>();
  /** Ports that a spec names. Not picked for others, though the service may not hold them yet. */
  private readonly named = new Set<number>();
  /** Highest automatic port, by protocol: picks go on from there, so a freed port rests for a while. */
  private readonly lastPick = new Map<number, number>();

  constructor(services: Iterable<Service>) {
    for (const service of services) {
      for (const port of service.spec?.endpoint?.ports ?? [])
        if (isIngressPort(port) && port.publishedPort !== 0) this.named.add(keyOf(port));
      const automatic = (service.endpoint?.spec?.ports ?? []).filter(isAutomatic);
      for (const port of service.endpoint?.ports ?? []) {
        if (!isIngressPort(port) || port.publishedPort === 0) continue;
        this.holders.set(keyOf(port), service.id);
        if (automatic.some((spec) => isSamePort(spec, port)))
          this.picked(port.protocol, port.publishedPort);
      }
    }
  }

  holder(port: PortConfig): string | undefined {
    return this.holders.get(keyOf(port));
  }

  /** The next free number after the last pick, wrapping around; undefined when all are taken. */
  pick(protocol: number, except: (port: number) => boolean): number | undefined {
    const size = automaticTo - automaticFrom + 1;
    const start = (this.lastPick.get(protocol) ?? automaticTo) + 1 - automaticFrom;
    for (let step = 0; step < size; step++) {
      const number = automaticFrom + ((start + step) % size);
      const key = portKey(protocol, number);
      if (!this.holders.has(key) && !this.named.has(key) && !except(number)) return number;
    }
    return undefined;
  }

  /** The service now holds these ports and none of those it held before. */
  settle(serviceId: string, held: readonly PortConfig[], ports: readonly PortConfig[]): void {
    for (const port of held) if (this.holder(port) === serviceId) this.holders.delete(keyOf(port));
    for (const port of ports)
      if (isIngressPort(port) && port.publishedPort !== 0) this.holders.set(keyOf(port), serviceId);
  }

  /** Notes an automatic pick, so that the next one goes on from there. */
  picked(protocol: number, number: number): void {
    if (number < automaticFrom || number > automaticTo) return;
    this.lastPick.set(protocol, Math.max(this.lastPick.get(protocol) ?? 0, number));
  }
}

/** The cluster picks its number. */
export const isAutomatic = (port: PortConfig): boolean =>
  isIngressPort(port) && port.publishedPort === 0;

export const isValidPort = (number: number): boolean => number >= 1 && number <= lastPort;

/** The same port of a service, whatever number it is published under. */
export const isSamePort = (a: PortConfig, b: PortConfig): boolean =>
  a.name === b.name &&
  a.protocol === b.protocol &&
  a.targetPort === b.targetPort &&
  a.publishMode === b.publishMode;

export const portKey = (protocol: number, number: number): number => protocol * 65_536 + number;

const keyOf = (port: PortConfig): number => portKey(port.protocol, port.publishedPort);
