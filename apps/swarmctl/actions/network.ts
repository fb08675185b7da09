import {
  CreateNetworkRequest,
  ListNetworksRequest,
  RemoveNetworkRequest,
} from '@swarmkit/sdk/wire/gen/swarmkit/control';
import type { Network } from '@swarmkit/sdk/wire/gen/swarmkit/objects';
import type { NetworkSpec } from '@swarmkit/sdk/wire/gen/swarmkit/specs';
import { IPAMConfig_AddressFamily, type IPAMConfig } from '@swarmkit/sdk/wire/gen/swarmkit/types';
import { eachOf } from '../each-of.js';
import { findNetwork } from '../find.js';
import { usageOf } from './network-usage.js';
import { fields, labelText } from '../output/fields.js';
import { jsonOf } from '../output/json.js';
import { table } from '../output/table.js';
import type { Session } from '../session.js';
import { pairs, usage } from '../spec/units.js';

export interface NetworkFlags {
  readonly driver?: string;
  readonly opt?: readonly string[];
  readonly label?: readonly string[];
  readonly subnet?: readonly string[];
  readonly ipRange?: readonly string[];
  readonly gateway?: readonly string[];
  readonly ipamDriver?: string;
  readonly ipamOpt?: readonly string[];
  readonly attachable?: boolean;
  readonly internal?: boolean;
  readonly ingress?: boolean;
  readonly ipv6?: boolean;
}

export async function createNetwork(
  session: Session,
  name: string,
  flags: NetworkFlags,
): Promise<void> {
  const { network } = await session.control.createNetwork(
    CreateNetworkRequest.fromPartial({ spec: networkSpec(name, flags) }),
  );
  if (network === undefined) return;
  if (session.json) session.sayJson(jsonOf('network', network));
  else session.say(network.id);
}

/** Ranges and gateways belong to the subnets in the order in which they are given. */
function networkSpec(name: string, flags: NetworkFlags) {
  const { driver, opt, subnet = [], ipRange = [], gateway = [], ipamDriver, ipamOpt } = flags;
  if (opt !== undefined && driver === undefined) throw usage('--opt needs a --driver');
  if (ipRange.length > subnet.length || gateway.length > subnet.length)
    throw usage('each --ip-range and --gateway needs a --subnet of its own');
  const ipam = subnet.length > 0 || (ipamDriver ?? ipamOpt) !== undefined;
  return {
    annotations: { name, labels: pairs('--label', flags.label ?? []) },
    attachable: flags.attachable === true,
    internal: flags.internal === true,
    ingress: flags.ingress === true,
    ipv6Enabled: flags.ipv6 === true,
    ...(driver !== undefined && {
      driverConfig: { name: driver, options: pairs('--opt', opt ?? []) },
    }),
    ...(ipam && {
      ipam: {
        ...((ipamDriver ?? ipamOpt) !== undefined && {
          driver: { name: ipamDriver ?? 'default', options: pairs('--ipam-opt', ipamOpt ?? []) },
        }),
        configs: subnet.map((one, i) => ({
          family: one.includes(':') ? IPAMConfig_AddressFamily.IPV6 : IPAMConfig_AddressFamily.IPV4,
          subnet: one,
          range: ipRange[i] ?? '',
          gateway: gateway[i] ?? '',
        })),
      },
    }),
  };
}

export async function listNetworks(
  session: Session,
  { quiet }: { readonly quiet?: boolean },
): Promise<void> {
  const answer = await session.control.listNetworks(ListNetworksRequest.create());
  const networks = [...answer.networks].sort((a, b) => (nameOf(a) < nameOf(b) ? -1 : 1));
  if (session.json) session.sayJson(networks.map((one) => jsonOf('network', one)));
  else if (quiet) for (const { id } of networks) session.say(id);
  else
    session.say(
      table(
        ['ID', 'NAME', 'DRIVER', 'SUBNETS'],
        networks.map((one) => [one.id, nameOf(one), driverOf(one), poolsOf(one)]),
      ),
    );
}

export async function inspectNetwork(session: Session, word: string): Promise<void> {
  const network = await findNetwork(session.control, word);
  if (session.json) return session.sayJson(jsonOf('network', network));
  const { spec, driverState } = network;
  session.say(
    fields([
      ['ID', network.id],
      ['Name', nameOf(network)],
      ['Driver', driverOf(network)],
      ['Options', labelText(driverState?.options ?? spec?.driverConfig?.options)],
      ['Subnets', poolsOf(network)],
      ['Addresses', await usageOf(session.control, network)],
      ['Labels', labelText(spec?.annotations?.labels)],
      ['Kind', kindOf(spec)],
    ]),
  );
}

export const removeNetworks = (session: Session, words: readonly string[]): Promise<void> =>
  eachOf(words, async (word) => {
    const { id } = await findNetwork(session.control, word);
    await session.control.removeNetwork(RemoveNetworkRequest.create({ networkId: id }));
    session.say(word);
  });

const nameOf = (network: Network): string => network.spec?.annotations?.name ?? '';

const driverOf = ({ driverState, spec }: Network): string =>
  driverState?.name ?? spec?.driverConfig?.name ?? 'overlay';

/** As allocated where they are, else as asked for. */
const poolsOf = ({ ipam, spec }: Network): string =>
  (ipam ?? spec?.ipam)?.configs.map(poolText).join(', ') ?? '';

const poolText = ({ subnet, gateway }: IPAMConfig): string =>
  gateway === '' ? subnet : `${subnet} (gateway ${gateway})`;

const kindOf = (spec: NetworkSpec | undefined): string =>
  [
    spec?.ingress ? 'ingress' : '',
    spec?.internal ? 'internal' : '',
    spec?.attachable ? 'attachable' : '',
    spec?.ipv6Enabled ? 'IPv6' : '',
  ]
    .filter((text) => text !== '')
    .join(', ');
