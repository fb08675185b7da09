/** How large a secret or config may be, in SwarmKit's words. */

export type DataKind = 'secret' | 'config';

/** The first size that is too large. */
const tooLarge: Readonly<Record<DataKind, number>> = { secret: 512_000, config: 1_024_000 };

/** Undefined where the data will do. */
export const dataSizeProblem = (kind: DataKind, data: Uint8Array): string | undefined =>
  data.length === 0 || data.length >= tooLarge[kind]
    ? `${kind} data must be larger than 0 and less than ${tooLarge[kind]} bytes`
    : undefined;
