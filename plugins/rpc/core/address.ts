import { SwarmError } from '@swarmkit/sdk/plugin/errors';

export interface HostPort {
  /** Empty: every address of this machine. IPv6 without brackets. */
  readonly host: string;
  readonly port: number;
}

/** `host:port`, `[v6]:port` or `:port`; anything else is RPC_BAD_ADDRESS. */
export function parseHostPort(address: string): HostPort {
  const match = /^(?:\[([^\]]*)\]|([^:[\]/]*)):(\d{1,5})$/.exec(address);
  const port = Number(match?.[3]);
  if (match === null || port > 65535) {
    throw new SwarmError(
      'invalid-argument',
      'RPC_BAD_ADDRESS',
      `${JSON.stringify(address)} is not an address: write host:port, as in 192.168.0.5:4242`,
    );
  }
  return { host: match[1] ?? match[2] ?? '', port };
}

export const formatHostPort = ({ host, port }: HostPort): string =>
  host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;

/** The kernel's limit for the path of a unix socket (108 with its closing zero). */
const MAX_SOCKET_PATH = 107;

export function checkSocketPath(path: string, bytes: number): void {
  if (!path.startsWith('/') || bytes > MAX_SOCKET_PATH) {
    throw new SwarmError(
      'invalid-argument',
      'RPC_BAD_ADDRESS',
      `${path} cannot be a control socket: give an absolute path of at most ${MAX_SOCKET_PATH} bytes`,
    );
  }
}
