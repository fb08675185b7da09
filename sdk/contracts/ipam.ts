import { token } from '../plugin/token.js';
import type { IPAMConfig } from '../wire/gen/swarmkit/types.js';

/**
 * Addresses of the cluster's networks: which subnet a network gets, and which address comes next.
 *
 * Pure and synchronous arithmetic. A provider keeps nothing between two calls: who holds what is read
 * from the store by the caller and said in each request, so there is no second book that could disagree
 * with it, and a new leader answers as the old one would have.
 * Invariants: the same request gives the same answer; subnets of an answer overlap neither each other nor
 * what is taken; an address lies in one of the configs, is held by nobody, and is no network address,
 * broadcast address, gateway or reserved one. What cannot be given is a sentence, never a throw.
 * One provider. It answers for networks that name it, or none, as their IPAM driver.
 */
export interface Ipam {
  /** As `network.ipam.driver.name` has it. That of Docker's engines is `default`. */
  readonly name: string;
  subnets(request: SubnetRequest): SubnetsOrProblem;
  address(request: AddressRequest): AddressOrProblem;
  /** How many addresses the configs hold for services, tasks and nodes. */
  capacity(configs: readonly IPAMConfig[]): number;
}

export interface SubnetRequest {
  /** What the network asks for; none: one subnet from the pools. */
  readonly wanted: readonly IPAMConfig[];
  /** CIDRs that subnets are cut from, in order; none: those of the provider. */
  readonly pools: readonly string[];
  /** Prefix length of the subnets that are cut; 0: that of the provider. */
  readonly subnetSize: number;
  /** Subnets of other networks, as CIDRs. */
  readonly taken: readonly string[];
}

/** Each config with subnet and gateway. */
export type SubnetsOrProblem =
  | { readonly configs: readonly IPAMConfig[]; readonly problem?: undefined }
  | { readonly problem: string; readonly configs?: undefined };

export interface AddressRequest {
  /** Those of the network, as `subnets` answered them. */
  readonly configs: readonly IPAMConfig[];
  /** What is held, as plain addresses (`10.0.1.2`) in their usual form. */
  readonly held: { has(address: string): boolean };
  /** Exactly this one, plain or as CIDR. */
  readonly wanted?: string | undefined;
  /** The one that was given last: the search goes on behind it, so that what came free rests. */
  readonly after?: string | undefined;
  /** When addresses came free, ms. Given only when there is no other, those that rested longest first. */
  readonly resting?: ReadonlyMap<string, number> | undefined;
}

/** With the prefix length of its subnet: `10.0.1.2/24`. */
export type AddressOrProblem =
  | { readonly address: string; readonly problem?: undefined }
  | { readonly problem: string; readonly address?: undefined };

export const Ipam = token<Ipam>('swarmkit.ipam.v1');
