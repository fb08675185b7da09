/**
 * Which address comes next: serially through the ranges of a network, behind the one that was given last,
 * around at the end. What came free of late is left for when there is nothing else.
 */
import type { AddressOrProblem, AddressRequest } from '@swarmkit/sdk/contracts/ipam';
import {
  contains,
  formatIp,
  type IpAddress,
  type IpNetwork,
  ipNumber,
  ipOfNumber,
  networkSize,
  parseCidr,
  parseIp,
} from '@swarmkit/sdk/model/ip-address';
import type { IPAMConfig } from '@swarmkit/sdk/wire/gen/swarmkit/types';

interface Range {
  readonly subnet: IpNetwork;
  /** First and last address that may be given out, both included. */
  readonly from: bigint;
  readonly to: bigint;
  /** Gateway and what the spec reserves. */
  readonly kept: ReadonlySet<string>;
}

export function nextAddress(request: AddressRequest): AddressOrProblem {
  const ranges = rangesOf(request.configs);
  if (request.wanted !== undefined && request.wanted !== '')
    return exactly(ranges, request.wanted, request.held);
  return serially(ranges, request) ?? longestRested(ranges, request) ?? none;
}

export function capacity(configs: readonly IPAMConfig[]): number {
  let total = 0;
  for (const { subnet, from, to, kept } of rangesOf(configs)) {
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
export function rangeOf(config: IPAMConfig, subnet: IpNetwork): { from: bigint; to: bigint } {
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

function rangesOf(configs: readonly IPAMConfig[]): readonly Range[] {
  const ranges: Range[] = [];
  for (const config of configs) {
    const subnet = parseCidr(config.subnet);
    if (subnet === undefined) continue;
    const kept = new Set<string>();
    for (const text of [config.gateway, ...Object.values(config.reserved)]) {
      const ip = plain(text);
      if (ip !== undefined) kept.add(formatIp(ip));
    }
    ranges.push({ subnet, ...rangeOf(config, subnet), kept });
  }
  return ranges;
}

function exactly(
  ranges: readonly Range[],
  wanted: string,
  held: AddressRequest['held'],
): AddressOrProblem {
  const ip = plain(wanted);
  if (ip === undefined) return { problem: `${wanted} is not an address` };
  const range = ranges.find(({ subnet }) => contains(subnet, ip));
  if (range === undefined) return { problem: `address ${wanted} is in none of its subnets` };
  const text = formatIp(ip);
  if (held.has(text) || range.kept.has(text) || isEdge(range.subnet, ip))
    return { problem: `address ${text} is taken` };
  return { address: withPrefix(text, range) };
}

function serially(
  ranges: readonly Range[],
  { held, after, resting }: AddressRequest,
): AddressOrProblem | undefined {
  const last = after === undefined ? undefined : plain(after);
  const start = last === undefined ? -1 : ranges.findIndex((r) => contains(r.subnet, last));
  const isFree = (text: string): boolean => !held.has(text) && !(resting?.has(text) ?? false);
  const begin = Math.max(start, 0);
  const behind = start < 0 || last === undefined ? undefined : ipNumber(last) + 1n;
  // The rest of the range of the last one, the other ranges, and then its beginning.
  for (let step = 0; step <= ranges.length; step++) {
    const range = ranges[(begin + step) % ranges.length];
    if (range === undefined || (step === ranges.length && behind === undefined)) break;
    const from = step === 0 && behind !== undefined && behind > range.from ? behind : range.from;
    const to = step === ranges.length && behind !== undefined ? behind - 1n : range.to;
    const found = firstFree(range, from, to < range.to ? to : range.to, isFree);
    if (found !== undefined) return { address: withPrefix(found, range) };
  }
  return undefined;
}

function firstFree(
  { kept, subnet }: Range,
  from: bigint,
  to: bigint,
  isFree: (text: string) => boolean,
): string | undefined {
  for (let at = from; at <= to; at++) {
    const text = formatIp(ipOfNumber(at, subnet.address.length));
    if (!kept.has(text) && isFree(text)) return text;
  }
  return undefined;
}

function longestRested(
  ranges: readonly Range[],
  { held, resting }: AddressRequest,
): AddressOrProblem | undefined {
  let best: { text: string; at: number; range: Range } | undefined;
  for (const [text, at] of resting ?? []) {
    const ip = parseIp(text);
    if (ip === undefined || held.has(text)) continue;
    const number = ipNumber(ip);
    const range = ranges.find(
      ({ subnet, from, to, kept }) =>
        contains(subnet, ip) && number >= from && number <= to && !kept.has(text),
    );
    if (range !== undefined && (best === undefined || at < best.at)) best = { text, at, range };
  }
  return best === undefined ? undefined : { address: withPrefix(best.text, best.range) };
}

function isEdge(subnet: IpNetwork, ip: IpAddress): boolean {
  if (subnet.prefix >= ip.length * 8 - 1) return false;
  const offset = ipNumber(ip) - ipNumber(subnet.address);
  return offset === 0n || (ip.length === 4 && offset === networkSize(subnet) - 1n);
}

const withPrefix = (text: string, { subnet }: Range): string => `${text}/${subnet.prefix}`;

/** Also the address of a CIDR, with its host bits. */
const plain = (text: string): IpAddress | undefined => parseIp(text.split('/')[0] ?? '');

/** As SwarmKit's allocator says it. */
const none: AddressOrProblem = { problem: 'could not find an available IP' };
