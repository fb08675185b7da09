/**
 * Who signs now: the root of the cluster object, or the one that a rotation moves to. Where an external
 * authority is configured for that root, it signs and nobody else.
 */
import type { CertificateAuthority } from '@swarmkit/sdk/contracts/certificate-authority';
import type { ExternalAuthority } from '@swarmkit/sdk/contracts/external-authority';
import { externalUrls } from '@swarmkit/sdk/model/external-ca';
import { SwarmError } from '@swarmkit/sdk/plugin/errors';
import type { Cluster } from '@swarmkit/sdk/wire/gen/swarmkit/objects';
import type { Certificate, RootCA } from '@swarmkit/sdk/wire/gen/swarmkit/types';
import { signRequest } from '../core/signing.js';

export class Signer {
  constructor(
    private readonly authority: CertificateAuthority,
    private readonly external: ExternalAuthority | undefined,
  ) {}

  /** PEM chain. An error of another kind than invalid-argument may pass. */
  async sign(asked: Certificate, cluster: Cluster, rootCa: RootCA): Promise<string> {
    const { rootRotation } = rootCa;
    const active = rootRotation ?? rootCa;
    const certificatePem = active.caCert.toString('latin1');
    const intermediatesPem = rootRotation?.crossSignedCaCert.toString('latin1') ?? '';
    const request = signRequest(asked, cluster);
    const urls = externalUrls(cluster.spec?.caConfig?.externalCas ?? [], certificatePem, cluster);
    if (urls.length > 0 && this.external !== undefined) {
      const rootsPem = `${rootCa.caCert.toString('latin1')}\n${certificatePem}`;
      return (await this.external.sign({ urls, rootsPem }, request)) + intermediatesPem;
    }
    if (urls.length > 0 || active.caKey.length === 0) throw noSigner();
    const keyPem = active.caKey.toString('latin1');
    return this.authority.signWith({ certificatePem, keyPem, intermediatesPem }, request);
  }
}

const noSigner = (): SwarmError =>
  new SwarmError(
    'failed-precondition',
    'CASERVER_NO_SIGNER',
    'no key of the root certificate is known, and no external CA can be asked for it',
  );
