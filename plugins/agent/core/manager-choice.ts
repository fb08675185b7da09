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

/** The list of a session message replaces what was known; weights of those that stay are kept. */
export const relist = (
  managers: readonly KnownManager[],
  list: readonly { readonly nodeId: string; readonly address: string }[],
): readonly KnownManager[] =>
  list
    .filter(({ address }) => address !== '')
    .map(({ nodeId, address }) => {
      const before = managers.find((known) => known.nodeId === nodeId && known.address === address);
      return {
        nodeId,
        address,
        weight: clip(Math.ceil(0.5 * listed + 0.5 * (before?.weight ?? 0))),
      };
    });

const clip = (weight: number): number => Math.max(-bound, Math.min(bound, weight));
