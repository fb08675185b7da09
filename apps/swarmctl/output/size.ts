import type { Resources } from '@swarmkit/sdk/wire/gen/swarmkit/types';

/** `512 MiB`, `23.5 GiB`: in the largest unit that is not zero, with at most one decimal. */
export function sizeText(bytes: bigint): string {
  for (const [unit, shift] of units) {
    const amount = Number(bytes) / 2 ** shift;
    if (amount >= 1) return `${Number(amount.toFixed(1))} ${unit}`;
  }
  return `${bytes} B`;
}

const units = [
  ['TiB', 40],
  ['GiB', 30],
  ['MiB', 20],
  ['KiB', 10],
] as const;

/** `0.5 CPUs`, `1 CPU`. */
export function cpuText(nanoCpus: bigint): string {
  const cpus = Number(nanoCpus) / 1e9;
  return `${cpus} ${cpus === 1 ? 'CPU' : 'CPUs'}`;
}

/** `0.5 CPUs, 512 MiB, gpu=2`; empty where nothing is asked for. */
export const resourcesText = (resources: Resources | undefined): string =>
  resources === undefined
    ? ''
    : [
        resources.nanoCpus > 0n ? cpuText(resources.nanoCpus) : '',
        resources.memoryBytes > 0n ? sizeText(resources.memoryBytes) : '',
        ...resources.generic.map(({ resource }) =>
          resource === undefined ? '' : `${resource.value.kind}=${resource.value.value}`,
        ),
      ]
        .filter((text) => text !== '')
        .join(', ');
