import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { nodeProfile } from '../core/certificate-profile.js';
import { joinToken, parseJoinToken, secretText } from '@swarmkit/sdk/model/join-token';
import { renewAt } from '../core/renewal.js';

const bytes = (count: number) => fc.uint8Array({ minLength: count, maxLength: count });

test('a token carries exactly its digest and its secret', () => {
  fc.assert(
    fc.property(bytes(32), bytes(16), (hash, secret) => {
      const digest = `sha256:${Buffer.from(hash).toString('hex')}`;
      const token = joinToken(digest, secret);
      assert.match(token, /^SWMTKN-1-[0-9a-z]{50}-[0-9a-z]{25}$/);
      assert.deepEqual(parseJoinToken(token), {
        digest,
        secret: secretText(secret),
        fips: false,
      });
    }),
  );
});

test('a certificate is valid now, and its renewal falls into its life', () => {
  const instant = fc.integer({ min: 1_600_000_000_000, max: 4_000_000_000_000 });
  const expiry = fc.integer({ min: 0, max: 10 * 365 * 86_400_000 });
  fc.assert(
    fc.property(
      instant,
      expiry,
      fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
      (now, ms, r) => {
        const names = { clusterId: 'c', nodeId: 'n', role: 'worker' } as const;
        const profile = nodeProfile(names, ms, now);
        assert.ok(profile.notBefore < now && now < profile.notAfter);
        assert.equal(profile.notBefore % 60_000, 0);
        const life = profile.notAfter - profile.notBefore;
        const at = renewAt(profile, r);
        assert.ok(at >= profile.notBefore + life * 0.5);
        assert.ok(at < profile.notBefore + life * 0.8);
        assert.equal((at - profile.notBefore) % 60_000, 0);
      },
    ),
  );
});
