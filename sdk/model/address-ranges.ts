/** Which addresses of a network may be given out: by its configs, without gateways and what is reserved. */
import type { IPAMConfig } from '../wire/gen/swarmkit/types.js';
import {
  contains,
  formatIp,
  type IpAddress,
  type IpNetwork,
  ipNumber,
  networkSize,
  parseCidr,
  parseIp,
} from './ip-address.js';

export interface AddressRange {
  readonly subnet: IpNetwork;
  /** First and last address that may be given out, both included. */
  readonly from: bigint;
  readonly to: bigint;
  /** Gateway and what the spec reserves. */
  readonly kept: ReadonlySet<string>;
}

/** How many addresses the configs hold for services, tasks and nodes. */
export function addressCapacity(configs: readonly IPAMConfig[]): number {
  let total = 0;
  for (const { subnet, from, to, kept } of addressRanges(configs)) {
    total += Number(to - from + 1n);
    for (const text of kept) {
      const ip = parseIp(text);
      if (ip !== undefined && contains(subnet, ip) && ipNumber(ip) >= from && ipNumber(ip) <= to)
        total -= 1;
    }
  }
  return Math.max(0, total);
}

/** The addresses of a config, without the subnet's first and its broadcast one. A range may be larger than its subnet. */
export function boundsOf(config: IPAMConfig, subnet: IpNetwork): { from: bigint; to: bigint } {
  const first = ipNumber(subnet.address);
  const last = first + networkSize(subnet) - 1n;
  const range = config.range === '' ? undefined : parseCidr(config.range);
  const part = range !== undefined && range.prefix > subnet.prefix ? range : subnet;
  const from = ipNumber(part.address);
  const to = from + networkSize(part) - 1n;
  const isSmall = subnet.prefix >= subnet.address.length * 8 - 1;
  const hasBroadcast = subnet.address.length === 4;
  return {
    from: !isSmall && from === first ? first + 1n : from,
    to: !isSmall && hasBroadcast && to === last ? last - 1n : to,
  };
}

export function addressRanges(configs: readonly IPAMConfig[]): readonly AddressRange[] {
  const ranges: AddressRange[] = [];
  for (const config of configs) {
    const subnet = parseCidr(config.subnet);
    if (subnet === undefined) continue;
    const kept = new Set<string>();
    for (const text of [config.gateway, ...Object.values(config.reserved)]) {
      const ip = plainIp(text);
      if (ip !== undefined) kept.add(formatIp(ip));
    }
    ranges.push({ subnet, ...boundsOf(config, subnet), kept });
  }
  return ranges;
}

/** Also the address of a CIDR, with its host bits. */
export const plainIp = (text: string): IpAddress | undefined => parseIp(text.split('/')[0] ?? '');
