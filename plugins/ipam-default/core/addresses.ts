/**
 * Which address comes next: serially through the ranges of a network, behind the one that was given last,
 * around at the end. What came free of late is left for when there is nothing else.
 */
import type { AddressOrProblem, AddressRequest } from '@swarmkit/sdk/contracts/ipam';
import { type AddressRange, addressRanges, plainIp } from '@swarmkit/sdk/model/address-ranges';
import {
  contains,
  formatIp,
  type IpAddress,
  type IpNetwork,
  ipNumber,
  ipOfNumber,
  networkSize,
  parseIp,
} from '@swarmkit/sdk/model/ip-address';

export function nextAddress(request: AddressRequest): AddressOrProblem {
  const ranges = addressRanges(request.configs);
  if (request.wanted !== undefined && request.wanted !== '')
    return exactly(ranges, request.wanted, request.held);
  return serially(ranges, request) ?? longestRested(ranges, request) ?? none;
}

function exactly(
  ranges: readonly AddressRange[],
  wanted: string,
  held: AddressRequest['held'],
): AddressOrProblem {
  const ip = plainIp(wanted);
  if (ip === undefined) return { problem: `${wanted} is not an address` };
  const range = ranges.find(({ subnet }) => contains(subnet, ip));
  if (range === undefined) return { problem: `address ${wanted} is in none of its subnets` };
  const text = formatIp(ip);
  if (held.has(text) || range.kept.has(text) || isEdge(range.subnet, ip))
    return { problem: `address ${text} is taken` };
  return { address: withPrefix(text, range) };
}

function serially(
  ranges: readonly AddressRange[],
  { held, after, resting }: AddressRequest,
): AddressOrProblem | undefined {
  const last = after === undefined ? undefined : plainIp(after);
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
  { kept, subnet }: AddressRange,
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
  ranges: readonly AddressRange[],
  { held, resting }: AddressRequest,
): AddressOrProblem | undefined {
  let best: { text: string; at: number; range: AddressRange } | undefined;
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

const withPrefix = (text: string, { subnet }: AddressRange): string => `${text}/${subnet.prefix}`;

/** As SwarmKit's allocator says it. */
const none: AddressOrProblem = { problem: 'could not find an available IP' };
