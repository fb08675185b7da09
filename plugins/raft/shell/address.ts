/** Addresses of managers: `host:port`, `[v6]:port`. */
import { isIP } from 'node:net';
import { networkInterfaces } from 'node:os';

export interface Address {
  readonly host: string;
  readonly port: number;
}

export function parseAddress(text: string): Address | undefined {
  const [, v6, name, digits] = /^(?:\[([^\]]+)\]|([^:]*)):(\d{1,5})$/.exec(text) ?? [];
  const host = v6 ?? name;
  const port = Number(digits);
  if (host === undefined || port < 1 || port > 65_535) return undefined;
  if (v6 !== undefined && isIP(v6) !== 6) return undefined;
  return { host, port };
}

export const formatAddress = ({ host, port }: Address): string =>
  host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;

/** `0.0.0.0` and `::` in any spelling. */
export const isUnspecified = (host: string): boolean =>
  isIP(host) === 4 ? host === '0.0.0.0' : isIP(host) === 6 && /^[0:]+$/.test(host);

/** The address with the caller's own in place of an unspecified one. `caller` is `ip:port`. */
export function resolveUnspecified(address: Address, caller: string): Address | undefined {
  if (!isUnspecified(address.host)) return address;
  const from = parseAddress(caller);
  return from && { host: from.host.replace(/^::ffff:(?=\d+\.)/, ''), port: address.port };
}

/** The first address of this machine that others may reach; the loopback one where there is no other. */
export function ownAddress(port: number): string {
  const all = Object.values(networkInterfaces()).flatMap((list) => list ?? []);
  const usable = all.filter(({ internal, address }) => !internal && !address.startsWith('fe80'));
  const best = usable.find(({ family }) => family === 'IPv4') ?? usable[0];
  return formatAddress({ host: best?.address ?? '127.0.0.1', port });
}
