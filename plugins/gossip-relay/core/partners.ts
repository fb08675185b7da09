/** Who may use the relay, and whom it leads to: nodes whose engines build overlay networks, and so gossip. */
import type { View } from '@swarmkit/sdk/contracts/store';
import type { Random } from '@swarmkit/sdk/plugin/env';
import { formatIp, parseIp } from '@swarmkit/sdk/model/ip-address';
import type { Node } from '@swarmkit/sdk/wire/gen/swarmkit/objects';
import { NodeStatus_State } from '@swarmkit/sdk/wire/gen/swarmkit/types';

/** How many partners are tried for one call. */
const most = 3;

export const anyGossips = (view: View): boolean => view.find('node', { by: 'all' }).some(gossips);

/** Addresses to lead a caller to, in the order to try them; undefined when it is no node of the cluster that gossips. */
export function partnersFor(
  view: View,
  caller: string,
  random: Random,
): readonly string[] | undefined {
  const from = usual(caller);
  const nodes = view.find('node', { by: 'all' }).filter(gossips);
  if (!nodes.some((node) => addressOf(node) === from)) return undefined;
  const others = nodes
    .filter(({ status }) => status?.state === NodeStatus_State.READY)
    .map(addressOf)
    .filter((address) => address !== '' && address !== from);
  const chosen: string[] = [];
  while (others.length > 0 && chosen.length < most)
    chosen.push(...others.splice(random.int(others.length), 1));
  return chosen;
}

const gossips = ({ description }: Node): boolean =>
  description?.engine?.plugins.some(({ type, name }) => type === 'Network' && name === 'overlay') ??
  false;

const addressOf = ({ status }: Node): string => usual(status?.addr ?? '');

/** An IPv4 caller on an IPv6 socket is written in another way. */
const usual = (address: string): string => {
  const ip = parseIp(address);
  return ip === undefined ? '' : formatIp(ip);
};
