import type { Kind } from '../plugin/errors.js';

/** gRPC status numbers of the error kinds, both ways. The one place where the two vocabularies meet. */
const STATUS: { readonly [K in Kind]: number } = {
  cancelled: 1,
  unknown: 2,
  'invalid-argument': 3,
  'deadline-exceeded': 4,
  'not-found': 5,
  'already-exists': 6,
  'permission-denied': 7,
  'resource-exhausted': 8,
  'failed-precondition': 9,
  aborted: 10,
  'out-of-range': 11,
  unimplemented: 12,
  internal: 13,
  unavailable: 14,
  'data-loss': 15,
  unauthenticated: 16,
};

const KINDS: readonly (Kind | undefined)[] = Object.entries(STATUS).reduce<(Kind | undefined)[]>(
  (kinds, [kind, status]) => {
    kinds[status] = kind as Kind;
    return kinds;
  },
  [],
);

export const statusOfKind = (kind: Kind): number => STATUS[kind];

/** A number that gRPC does not define is `unknown`, as its specification asks. */
export const kindOfStatus = (status: number): Kind => KINDS[status] ?? 'unknown';
