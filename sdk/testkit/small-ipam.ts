/**
 * An Ipam whose networks are small (five addresses, unless another prefix length is asked for), so that they
 * run full within a test. Subnets are 10.0.0.0, 10.0.1.0 and so on; it does not look for overlaps.
 */
import type { AddressRequest, AddressOrProblem, Ipam } from '../contracts/ipam.js';
import { IPAMConfig } from '../wire/gen/swarmkit/types.js';

export function smallIpam(prefix = 29): Ipam {
  const hosts = 2 ** (32 - prefix) - 3;
  return {
    name: 'default',
    capacity: () => hosts,
    subnets({ wanted, taken }) {
      const named = wanted[0]?.subnet;
      if (named !== undefined && taken.includes(named))
        return { problem: `subnet ${named} overlaps with another network` };
      for (let i = 0; i < 256; i++) {
        const subnet = named ?? `10.0.${i}.0/${prefix}`;
        if (!taken.includes(subnet))
          return {
            configs: [IPAMConfig.fromPartial({ subnet, gateway: subnet.replace(/0\/\d+$/, '1') })],
          };
      }
      return { problem: 'no subnet is free' };
    },
    address: (request) => next(request, hosts, prefix),
  };
}

function next(
  { configs, held, wanted, after, resting }: AddressRequest,
  hosts: number,
  prefix: number,
): AddressOrProblem {
  const base = configs[0]?.subnet.replace(/0\/\d+$/, '') ?? '';
  const all = Array.from({ length: hosts }, (_, i) => `${base}${i + 2}`);
  const start = after === undefined ? 0 : all.indexOf(after) + 1;
  const order = [...all.slice(start), ...all.slice(0, start)].filter((one) => !held.has(one));
  if (wanted !== undefined)
    return order.includes(wanted)
      ? { address: `${wanted}/${prefix}` }
      : { problem: `address ${wanted} is taken` };
  const rested = [...order].sort((a, b) => (resting?.get(a) ?? 0) - (resting?.get(b) ?? 0));
  const address = order.find((one) => !resting?.has(one)) ?? rested[0];
  return address === undefined
    ? { problem: 'could not find an available IP' }
    : { address: `${address}/${prefix}` };
}
