/**
 * Which subnets a network gets: those it asks for, as long as nobody has them, and the lowest free one of
 * the pools where it leaves that open. Gateways too: the one asked for, else the first address.
 */
import type { SubnetRequest, SubnetsOrProblem } from '@swarmkit/sdk/contracts/ipam';
import { boundsOf } from '@swarmkit/sdk/model/address-ranges';
import {
  contains,
  formatIp,
  formatNetwork,
  type IpNetwork,
  ipNumber,
  ipOfNumber,
  networkSize,
  overlap,
  parseCidr,
  parseIp,
} from '@swarmkit/sdk/model/ip-address';
import { IPAMConfig, IPAMConfig_AddressFamily } from '@swarmkit/sdk/wire/gen/swarmkit/types';

/** Those of Docker's engines. */
const defaultPools = ['10.0.0.0/8'];
const defaultSubnetSize = 24;

export function subnets(request: SubnetRequest): SubnetsOrProblem {
  // As an engine writes a network that leaves its subnet open.
  const open = IPAMConfig.fromPartial({ family: IPAMConfig_AddressFamily.IPV4 });
  const taken = request.taken.map(parseCidr).filter((network) => network !== undefined);
  const configs: IPAMConfig[] = [];
  for (const config of request.wanted.length === 0 ? [open] : request.wanted) {
    const answer = config.subnet === '' ? cut(request, taken) : named(config, taken);
    if ('problem' in answer) return answer;
    taken.push(answer);
    const subnet = config.subnet === '' ? formatNetwork(answer) : config.subnet;
    const gateway = gatewayOf({ ...config, subnet }, answer);
    if (gateway === undefined)
      return { problem: `subnet ${subnet} has no address for its gateway` };
    configs.push({ ...config, subnet, gateway });
  }
  return { configs };
}

function named(
  { subnet, gateway, range }: IPAMConfig,
  taken: readonly IpNetwork[],
): IpNetwork | { readonly problem: string } {
  const network = parseCidr(subnet);
  if (network === undefined) return { problem: `${subnet} is not a subnet` };
  for (const [what, text] of [
    ['gateway', gateway],
    ['range', range],
  ] as const) {
    const ip = text === '' ? network.address : (parseCidr(text)?.address ?? parseIp(text));
    if (ip === undefined || !contains(network, ip))
      return { problem: `${what} ${text} is not in subnet ${subnet}` };
  }
  const other = taken.find((one) => overlap(one, network));
  return other === undefined
    ? network
    : {
        problem: `subnet ${subnet} overlaps with ${formatNetwork(other)}, which another network has`,
      };
}

/** The lowest subnet of the pools that overlaps with nothing. Steps over what is taken, so a large pool costs no more. */
function cut(
  { pools, subnetSize }: SubnetRequest,
  taken: readonly IpNetwork[],
): IpNetwork | { readonly problem: string } {
  const prefix = subnetSize === 0 ? defaultSubnetSize : subnetSize;
  const texts = pools.length === 0 ? defaultPools : pools;
  const blocks = taken
    .map((network) => ({ network, from: ipNumber(network.address) }))
    .sort((a, b) => (a.from < b.from ? -1 : a.from > b.from ? 1 : 0));
  for (const text of texts) {
    const pool = parseCidr(text);
    if (pool === undefined) return { problem: `the address pool ${text} is not a subnet` };
    const bytes = pool.address.length;
    if (prefix < pool.prefix || prefix > bytes * 8) continue;
    const size = 1n << BigInt(bytes * 8 - prefix);
    const end = ipNumber(pool.address) + networkSize(pool);
    let at = ipNumber(pool.address);
    // Sorted by where they begin: each can only push the candidate forward.
    for (const { network, from } of blocks) {
      if (network.address.length !== bytes) continue;
      const behind = from + networkSize(network);
      if (from < at + size && behind > at) at = roundUp(behind, size);
    }
    if (at + size <= end) return { address: ipOfNumber(at, bytes), prefix };
  }
  return {
    problem: `no subnet of /${prefix} is free in the address pool ${texts.join(', ')}; remove a network, or give this one a subnet of its own`,
  };
}

const roundUp = (number: bigint, step: bigint): bigint => ((number + step - 1n) / step) * step;

/** In the range, where there is one, as an engine picks it. */
function gatewayOf(config: IPAMConfig, subnet: IpNetwork): string | undefined {
  if (config.gateway !== '') return config.gateway;
  const reserved = new Set(Object.values(config.reserved));
  const { from, to } = boundsOf(config, subnet);
  for (let at = from; at <= to; at++) {
    const ip = formatIp(ipOfNumber(at, subnet.address.length));
    if (!reserved.has(ip)) return ip;
  }
  return undefined;
}
