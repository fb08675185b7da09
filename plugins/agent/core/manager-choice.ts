/** Which manager to talk to: each has a weight that experience moves. Pure: a list in, a list out. */

export interface KnownManager {
  /** Empty for a join address whose node is not known yet. */
  readonly nodeId: string;
  readonly address: string;
  readonly weight: number;
}

/** What moves a weight. */
export const listed = 10;
export const sessionClosed = -10;
const bound = 256;

/** Chosen with a probability in proportion to its weight; `dice` in [0, 1). */
export function chooseManager(
  managers: readonly KnownManager[],
  dice: number,
): KnownManager | undefined {
  const share = (manager: KnownManager): number => Math.max(manager.weight, 0) + 0.001;
  let left = dice * managers.reduce((sum, manager) => sum + share(manager), 0);
  for (const manager of managers) {
    left -= share(manager);
    if (left < 0) return manager;
  }
  return managers.at(-1);
}

/** One more observation of a manager: half of the new weight is what was just seen. */
export const observe = (
  managers: readonly KnownManager[],
  address: string,
  seen: number,
): readonly KnownManager[] =>
  managers.map((manager) =>
    manager.address === address
      ? { ...manager, weight: clip(Math.ceil(0.5 * seen + 0.5 * manager.weight)) }
      : manager,
  );

/**
 * The list of a session message replaces what was known; weights of those that stay are kept. A list
 * that names nobody is no list: who has lost the last address would never find back. (SwarmKit's agent
 * forgets everybody.)
 */
export function relist(
  managers: readonly KnownManager[],
  list: readonly { readonly nodeId: string; readonly address: string }[],
): readonly KnownManager[] {
  const known = new Map(managers.map((manager) => [keyOf(manager), manager.weight]));
  const next = new Map<string, KnownManager>();
  for (const { nodeId, address } of list) {
    const key = keyOf({ nodeId, address });
    const weight = clip(Math.ceil(0.5 * listed + 0.5 * (known.get(key) ?? 0)));
    next.set(key, { nodeId, address, weight });
  }
  return next.size === 0 ? managers : [...next.values()];
}

/**
 * The addresses of a peer's list that can be called, `host:port` alone: a manager must not be able to
 * send us to a socket of this machine. A manager that was told to listen everywhere may know no better
 * than `0.0.0.0`; `via` is how we reached it.
 */
export function callable(
  peers: readonly { readonly nodeId: string; readonly addr: string }[],
  via: string,
): readonly { readonly nodeId: string; readonly address: string }[] {
  const reachedHost = hostPort.exec(via)?.[1];
  return peers.flatMap(({ nodeId, addr }) => {
    const [, host, port] = hostPort.exec(addr) ?? [];
    if (host === undefined || Number(port) > 65_535) return [];
    if (!everywhere.has(host)) return [{ nodeId, address: addr }];
    return reachedHost === undefined ? [] : [{ nodeId, address: `${reachedHost}:${port}` }];
  });
}

const hostPort = /^(\[[0-9A-Fa-f:.%]+\]|[^\s/:[\]]*):(\d{1,5})$/;
const everywhere: ReadonlySet<string> = new Set(['', '0.0.0.0', '[::]']);

const keyOf = ({ nodeId, address }: Pick<KnownManager, 'nodeId' | 'address'>): string =>
  `${nodeId}\n${address}`;

const clip = (weight: number): number => Math.max(-bound, Math.min(bound, weight));
