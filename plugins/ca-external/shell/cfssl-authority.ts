import { X509Certificate } from 'node:crypto';
import type {
  CertificateAuthority,
  SigningRoot,
  SignRequest,
} from '@swarmkit/sdk/contracts/certificate-authority';
import type {
  ExternalAuthorities,
  ExternalAuthority,
} from '@swarmkit/sdk/contracts/external-authority';
import { messageOf, SwarmError } from '@swarmkit/sdk/plugin/errors';
import { nodeBody, readAnswer, rootBody } from '../core/cfssl.js';
import type { HttpsClient } from './https-client.js';

/** Asks the authorities in their order until one gives an answer, and looks at what it gave. */
export class CfsslAuthority implements ExternalAuthority {
  constructor(
    private readonly https: HttpsClient,
    private readonly authority: Pick<CertificateAuthority, 'crossSigningRequest'>,
  ) {}

  sign(asked: ExternalAuthorities, request: SignRequest): Promise<string> {
    return this.ask(asked, nodeBody(request), (certificate) => {
      if (!certificate.subject.split('\n').includes(`CN=${request.nodeId}`))
        throw new Error('the certificate that it gave is for another node');
    });
  }

  crossSign(asked: ExternalAuthorities, root: SigningRoot): Promise<string> {
    const request = this.authority.crossSigningRequest(root);
    const { publicKey } = new X509Certificate(root.certificatePem);
    const old = new X509Certificate(asked.rootsPem);
    return this.ask(asked, rootBody(request), (certificate) => {
      if (!certificate.publicKey.equals(publicKey))
        throw new Error('the certificate that it gave has another key than the new root');
      if (!certificate.ca || !certificate.checkIssued(old) || !certificate.verify(old.publicKey))
        throw new Error('the certificate that it gave does not lead to the present root');
    });
  }

  isReachable(url: string, rootsPem: string): Promise<boolean> {
    return this.https.reach(url, rootsPem);
  }

  private async ask(
    { urls, rootsPem }: ExternalAuthorities,
    body: string,
    check: (certificate: X509Certificate) => void,
  ): Promise<string> {
    const failures: string[] = [];
    for (const url of urls) {
      const answer = await this.https.post(url, body, rootsPem).then(
        ({ status, text }) => readAnswer(status, text),
        (error: unknown) => ({ kind: 'unclear', reason: messageOf(error) }) as const,
      );
      if (answer.kind === 'refused') throw refused(url, answer.reason);
      if (answer.kind === 'certificate') {
        try {
          check(new X509Certificate(answer.pem));
        } catch (error) {
          throw refused(url, messageOf(error));
        }
        return answer.pem;
      }
      failures.push(`${url}: ${answer.reason}`);
    }
    throw new SwarmError(
      'unavailable',
      'EXTCA_UNAVAILABLE',
      `no external CA gave an answer (${failures.join('; ') || 'none is configured'})`,
    );
  }
}

const refused = (url: string, reason: string): SwarmError =>
  new SwarmError(
    'invalid-argument',
    'EXTCA_REFUSED',
    `the external CA ${url} did not sign: ${reason}`,
  );
