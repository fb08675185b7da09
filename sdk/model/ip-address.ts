/**
 * IP addresses and networks as text: parsing and comparison, IPv4 and IPv6, in any notation. Strict:
 * what has leading zeros in an IPv4 part, a zone or stray characters is not an address. An
 * IPv4-mapped IPv6 address (`::ffff:1.2.3.4`) is the IPv4 address.
 */

/** 4 or 16 bytes, most significant first. */
export type IpAddress = readonly number[];

export interface IpNetwork {
  /** Host bits are zero. */
  readonly address: IpAddress;
  readonly prefix: number;
}

/** `undefined` for what is not an address. */
export function parseIp(text: string): IpAddress | undefined {
  const bytes = text.includes(':') ? parseIpv6(text) : parseIpv4(text);
  return bytes === undefined ? undefined : unmapped(bytes);
}

/** `address/prefix`; host bits may be set and are dropped. `undefined` for what is not a network. */
export function parseCidr(text: string): IpNetwork | undefined {
  const [head, tail, ...more] = text.split('/');
  if (head === undefined || tail === undefined || more.length > 0) return undefined;
  if (!/^\d{1,3}$/.test(tail)) return undefined;
  const prefix = Number(tail);
  const bytes = head.includes(':') ? parseIpv6(head) : parseIpv4(head);
  if (bytes === undefined || prefix > bytes.length * 8) return undefined;
  const masked = maskTo(bytes, prefix);
  const address = unmapped(masked);
  // A mapped network (::ffff:10.0.0.0/104) is the IPv4 one (10.0.0.0/8).
  return { address, prefix: address.length < bytes.length ? Math.max(0, prefix - 96) : prefix };
}

export const sameIp = (a: IpAddress, b: IpAddress): boolean =>
  a.length === b.length && a.every((byte, i) => byte === b[i]);

/** False where one is IPv4 and the other IPv6. */
export const contains = (network: IpNetwork, ip: IpAddress): boolean =>
  ip.length === network.address.length && sameIp(maskTo(ip, network.prefix), network.address);

function parseIpv4(text: string): number[] | undefined {
  const parts = text.split('.');
  if (parts.length !== 4) return undefined;
  const bytes: number[] = [];
  for (const part of parts) {
    if (!/^(0|[1-9]\d{0,2})$/.test(part) || Number(part) > 255) return undefined;
    bytes.push(Number(part));
  }
  return bytes;
}

function parseIpv6(text: string): number[] | undefined {
  const halves = text.split('::');
  if (halves.length > 2) return undefined;
  const head = groups(halves[0] ?? '', halves.length === 1);
  const tail = halves.length === 2 ? groups(halves[1] ?? '', true) : [];
  if (head === undefined || tail === undefined) return undefined;
  const missing = 16 - head.length - tail.length;
  // `::` stands for at least one group of zeros.
  if (halves.length === 2 ? missing < 2 : missing !== 0) return undefined;
  return [...head, ...new Array<number>(missing).fill(0), ...tail];
}

/** The bytes of `a:b:c`; the last group may be a dotted IPv4 address where `last` says so. */
function groups(text: string, last: boolean): number[] | undefined {
  if (text === '') return [];
  const bytes: number[] = [];
  const parts = text.split(':');
  for (const [i, part] of parts.entries()) {
    if (part.includes('.')) {
      const v4 = last && i === parts.length - 1 ? parseIpv4(part) : undefined;
      if (v4 === undefined) return undefined;
      bytes.push(...v4);
    } else {
      if (!/^[0-9a-f]{1,4}$/i.test(part)) return undefined;
      const group = Number.parseInt(part, 16);
      bytes.push(group >> 8, group & 255);
    }
  }
  return bytes;
}

const unmapped = (bytes: readonly number[]): IpAddress =>
  bytes.length === 16 &&
  bytes.slice(0, 10).every((byte) => byte === 0) &&
  bytes[10] === 255 &&
  bytes[11] === 255
    ? bytes.slice(12)
    : bytes;

const maskTo = (bytes: readonly number[], prefix: number): number[] =>
  bytes.map((byte, i) => byte & (0xff00 >> Math.min(8, Math.max(0, prefix - i * 8))) & 0xff);

/** As other tools write it: IPv6 in lower case, its longest run of zero groups shortened. */
export function formatIp(ip: IpAddress): string {
  if (ip.length === 4) return ip.join('.');
  const groups = Array.from({ length: 8 }, (_, i) =>
    (((ip[2 * i] ?? 0) << 8) | (ip[2 * i + 1] ?? 0)).toString(16),
  );
  const { start, length } = longestZeros(groups);
  if (length < 2) return groups.join(':');
  return `${groups.slice(0, start).join(':')}::${groups.slice(start + length).join(':')}`;
}

export const formatNetwork = ({ address, prefix }: IpNetwork): string =>
  `${formatIp(address)}/${prefix}`;

/** As a number, for arithmetic. */
export const ipNumber = (ip: IpAddress): bigint =>
  ip.reduce((number, byte) => (number << 8n) | BigInt(byte), 0n);

/** The address of this number, `bytes` long: 4 or 16. */
export function ipOfNumber(number: bigint, bytes: number): IpAddress {
  const ip = new Array<number>(bytes).fill(0);
  let rest = number;
  for (let i = bytes - 1; i >= 0; i--) {
    ip[i] = Number(rest & 255n);
    rest >>= 8n;
  }
  return ip;
}

/** How many addresses the network has. */
export const networkSize = ({ address, prefix }: IpNetwork): bigint =>
  1n << BigInt(address.length * 8 - prefix);

/** Whether an address lies in both. False where one is IPv4 and the other IPv6. */
export const overlap = (a: IpNetwork, b: IpNetwork): boolean =>
  a.prefix <= b.prefix ? contains(a, b.address) : contains(b, a.address);

function longestZeros(groups: readonly string[]): { start: number; length: number } {
  let best = { start: 0, length: 0 };
  let start = 0;
  for (const [i, group] of groups.entries()) {
    if (group !== '0') start = i + 1;
    else if (i + 1 - start > best.length) best = { start, length: i + 1 - start };
  }
  return best;
}
