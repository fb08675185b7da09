/** Authorities whose certificates are JSON in PEM clothes, so that a test says what is in them. */
import type {
  CertificateAuthority,
  RootFacts,
  SigningRoot,
} from '@swarmkit/sdk/contracts/certificate-authority';
import type {
  ExternalAuthorities,
  ExternalAuthority,
} from '@swarmkit/sdk/contracts/external-authority';
import { SwarmError } from '@swarmkit/sdk/plugin/errors';

const yearMs = 365 * 24 * 3_600_000;
export const testNow = 1_700_000_000_000;

export interface FakeCertificate {
  readonly name: string;
  /** Which key it has; the key's PEM is the same text. */
  readonly key: string;
  readonly notAfter?: number;
}

export const pem = (certificate: FakeCertificate): string =>
  `-----BEGIN CERTIFICATE-----\n${Buffer.from(JSON.stringify(certificate)).toString('base64')}\n-----END CERTIFICATE-----\n`;

const read = (text: string): FakeCertificate[] =>
  [...text.matchAll(/BEGIN CERTIFICATE-----\s([\s\S]*?)-----END/g)].map(
    ([, body = '']) => JSON.parse(Buffer.from(body, 'base64').toString()) as FakeCertificate,
  );

export class FakeAuthority {
  made = 0;

  inspectRoot(text: string, keyPem?: string): RootFacts {
    const certificates = read(text);
    const [first] = certificates;
    if (first === undefined || (keyPem !== undefined && keyPem !== first.key))
      throw new SwarmError('invalid-argument', 'CA_ROOT', 'the root certificate is wrong');
    return {
      pem: certificates.map(pem).join(''),
      certificates: certificates.length,
      notAfter: first.notAfter ?? testNow + 2 * yearMs,
      subject: Buffer.from(first.name),
      publicKey: Buffer.from(first.key),
    };
  }

  createRoot(): SigningRoot {
    this.made += 1;
    const key = `fresh key ${this.made}`;
    return { certificatePem: pem({ name: `fresh ${this.made}`, key }), keyPem: key };
  }

  crossSign(by: SigningRoot, certificatePem: string): string {
    return `${read(certificatePem)[0]?.name} by ${read(by.certificatePem)[0]?.name} with ${by.keyPem}`;
  }

  get contract(): CertificateAuthority {
    return this as unknown as CertificateAuthority;
  }
}

/** Reachable at every address that begins with `https://up`. */
export class FakeExternal implements ExternalAuthority {
  sign(): Promise<string> {
    return Promise.reject(new Error('nobody asks the control API to sign'));
  }
  async crossSign({ urls }: ExternalAuthorities, { certificatePem }: SigningRoot): Promise<string> {
    return `${read(certificatePem)[0]?.name} by ${urls.join(' ')}`;
  }
  async isReachable(url: string): Promise<boolean> {
    return url.startsWith('https://up');
  }
}
