/** The provider: subnets from pools, addresses serially. Keeps nothing. */
import type { Ipam } from '@swarmkit/sdk/contracts/ipam';
import { addressCapacity } from '@swarmkit/sdk/model/address-ranges';
import { nextAddress } from './addresses.js';
import { subnets } from './subnets.js';

export const defaultIpam: Ipam = {
  name: 'default',
  subnets,
  address: nextAddress,
  capacity: addressCapacity,
};
