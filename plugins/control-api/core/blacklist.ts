import { timestampToMs } from '@swarmkit/sdk/model/time';
import type { BlacklistedCertificate } from '@swarmkit/sdk/wire/gen/swarmkit/types';

type Blacklist = Readonly<Record<string, BlacklistedCertificate>>;

/** Kept for a week longer than the certificate lives; clocks differ. One without an expiry is kept for good. */
const graceMs = 7 * 24 * 60 * 60_000;

export const withoutExpired = (blacklist: Blacklist, now: number): Blacklist =>
  Object.fromEntries(
    Object.entries(blacklist).filter(([, { expiry }]) => {
      const expiresAt = timestampToMs(expiry);
      return expiresAt === undefined || expiresAt + graceMs >= now;
    }),
  );
