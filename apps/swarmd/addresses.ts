/** Addresses as operators write them, and the one that other machines reach this one at. */

const FORM = /^(?:\[([0-9a-fA-F:.]+)\]|([^\s:[\]/]*)):(\d{1,5})$/;

/** Undefined: it is `host:port`, and other machines can go there. */
export function hostPortProblem(address: string): string | undefined {
  const [, v6, name, port] = FORM.exec(address) ?? [];
  const host = v6 ?? name;
  if (!host || Number(port) > 65535 || Number(port) === 0)
    return 'write host:port, as in 192.168.0.5:4242';
  return isWildcard(host)
    ? 'it names no machine: write the address that others reach it at'
    : undefined;
}

export const portOf = (address: string): number | undefined => {
  const port = FORM.exec(address)?.[3];
  return port === undefined ? undefined : Number(port);
};

interface Interface {
  readonly address: string;
  readonly family: string;
  readonly internal: boolean;
}

/**
 * Where a listener is reached: at its own address, or, when it listens on all, at the machine's first one
 * that others can see. Undefined when the port is not known yet, or the address is none.
 */
export function reachableAt(
  listen: string,
  interfaces: Readonly<Record<string, readonly Interface[] | undefined>>,
): string | undefined {
  const [, v6, name = '', port] = FORM.exec(listen) ?? [];
  if (port === undefined || Number(port) === 0) return undefined;
  const host = v6 ?? name;
  if (!isWildcard(host)) return listen;
  const found = Object.values(interfaces)
    .flatMap((all) => all ?? [])
    .find(({ family, internal }) => family === 'IPv4' && !internal);
  return `${found?.address ?? '127.0.0.1'}:${port}`;
}

const isWildcard = (host: string): boolean => ['', '0.0.0.0', '::', '*'].includes(host);
