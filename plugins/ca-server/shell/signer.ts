/** Who signs now: the root of the cluster object, or the one that a rotation moves to. */
import type { CertificateAuthority } from '@swarmkit/sdk/contracts/certificate-authority';
import { SwarmError } from '@swarmkit/sdk/plugin/errors';
import type { Cluster } from '@swarmkit/sdk/wire/gen/swarmkit/objects';
import type { Certificate, RootCA } from '@swarmkit/sdk/wire/gen/swarmkit/types';
import { signRequest } from '../core/signing.js';

export class Signer {
  constructor(private readonly authority: CertificateAuthority) {}

  /** PEM chain. An error of another kind than invalid-argument may pass. */
  async sign(asked: Certificate, cluster: Cluster, rootCa: RootCA): Promise<string> {
    const active = rootCa.rootRotation ?? rootCa;
    if (active.caKey.length === 0)
      throw new SwarmError(
        'failed-precondition',
        'CASERVER_NO_SIGNER',
        'no key of the root certificate is known and no external CA is configured for it',
      );
    return this.authority.signWith(
      {
        certificatePem: active.caCert.toString('latin1'),
        keyPem: active.caKey.toString('latin1'),
        intermediatesPem: rootCa.rootRotation?.crossSignedCaCert.toString('latin1') ?? '',
      },
      signRequest(asked, cluster),
    );
  }
}
