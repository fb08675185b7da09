import type { NetworkAttachmentConfig } from '@swarmkit/sdk/wire/gen/swarmkit/types';
import { changedList } from './changed-list.js';
import type { Meanings } from './data-references.js';
import type { ServiceFlags } from './service-flags.js';
import { pair, unreadable } from './units.js';

/** `--network`: a name, or `name=front,alias=db,alias=sql,ip=10.0.1.9,driver-opt=key=value`. */
interface NetworkFlag {
  readonly name: string;
  readonly aliases: readonly string[];
  readonly addresses: readonly string[];
  readonly options: Readonly<Record<string, string>>;
}

function networkFlag(flag: string, text: string): NetworkFlag {
  if (!text.includes('=')) return { name: text, aliases: [], addresses: [], options: {} };
  let name = '';
  const aliases: string[] = [];
  const addresses: string[] = [];
  const options = new Map<string, string>();
  for (const part of text.split(',')) {
    const [key, value] = pair(part);
    if (key === 'name') name = value;
    else if (key === 'alias') aliases.push(value);
    else if (key === 'ip') addresses.push(value);
    else if (key === 'driver-opt') options.set(...pair(value));
    else throw unreadable(flag, part, 'known are name, alias, ip and driver-opt');
  }
  if (name === '') throw unreadable(flag, text, 'it needs a name');
  return { name, aliases, addresses, options: Object.fromEntries(options) };
}

/** The words with which flags name networks. */
export const networkWords = ({
  network,
  networkAdd,
  networkRm,
}: ServiceFlags): readonly string[] => [
  ...(network ?? []).map((text) => networkFlag('--network', text).name),
  ...(networkAdd ?? []).map((text) => networkFlag('--network-add', text).name),
  ...(networkRm ?? []),
];

export function applyNetworks(
  before: readonly NetworkAttachmentConfig[],
  { network, networkAdd, networkRm }: ServiceFlags,
  meanings: Meanings,
): readonly NetworkAttachmentConfig[] {
  const idOf = (word: string): string => meanings.get(word)?.id ?? word;
  const made =
    (flag: string) =>
    (text: string): NetworkAttachmentConfig => {
      const { name, aliases, addresses, options } = networkFlag(flag, text);
      return { target: idOf(name), aliases, addresses, driverAttachmentOpts: options };
    };
  return changedList(
    before,
    network?.map(made('--network')),
    networkAdd?.map(made('--network-add')),
    networkRm?.map(idOf),
    ({ target }) => target,
  );
}
