import { createHash, createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto';
import type {
  CertificateAuthority,
  CrossSigningRequest,
  FormerCertificate,
  FormerNode,
  RootFacts,
  RootMaterial,
  RootTokens,
  SigningRoot,
  SignRequest,
} from '@swarmkit/sdk/contracts/certificate-authority';
import type { Env } from '@swarmkit/sdk/plugin/env';
import { SwarmError } from '@swarmkit/sdk/plugin/errors';
import { nodeProfile, rootProfile, SERIAL_BYTES, serialOf } from '../core/certificate-profile.js';
import { joinToken, SECRET_BYTES } from '@swarmkit/sdk/model/join-token';
import { formerNode } from './held-identity.js';
import { readPem, writePem } from './pem.js';
import {
  checkAuthority,
  constraintsOf,
  createCsr,
  crossSign,
  generateKey,
  issueCertificate,
  publicKeyOfCsr,
  spkiOf,
  subjectNameOf,
} from './x509.js';

/** A root that can sign: what `swarm-root-ca.crt` and `.key` hold. */
export interface Root {
  readonly certificatePem: string;
  /** SEC1. */
  readonly keyPem: string;
}

interface ParsedRoot {
  readonly certificate: X509Certificate;
  readonly key: KeyObject;
}

/** Signs with the root that was put in (without one that is CA_NO_KEY), or with the root it is handed. */
export class Authority implements CertificateAuthority {
  private root: (Root & ParsedRoot) | undefined;
  /** The last root that was handed in: many nodes are signed for with the same one. */
  private lent: (Root & ParsedRoot) | undefined;

  constructor(private readonly env: Env) {}

  get canSign(): boolean {
    return this.root !== undefined;
  }

  use(root: Root): void {
    this.root = { ...root, ...parsed(root) };
  }

  /** A root of our own, for a cluster that begins here. It is not used before `use`. */
  createRoot(): Root {
    const { publicKey, privateKey } = generateKey();
    const profile = rootProfile(this.env.clock.now());
    const issuer = { key: privateKey, certificate: undefined };
    const der = issueCertificate(profile, publicKey, this.serial(), issuer);
    return {
      certificatePem: writePem('CERTIFICATE', der),
      keyPem: writePem('EC PRIVATE KEY', privateKey.export({ type: 'sec1', format: 'der' })),
    };
  }

  bootstrap(): RootMaterial {
    const { certificatePem, keyPem } = this.signer();
    return { certificatePem, keyPem, ...this.tokensFor(certificatePem, false) };
  }

  tokensFor(certificatesPem: string, fips: boolean): RootTokens {
    const digest = `sha256:${createHash('sha256').update(certificatesPem).digest('hex')}`;
    const token = (): string => joinToken(digest, this.env.random.bytes(SECRET_BYTES), fips);
    return { digest, workerToken: token(), managerToken: token() };
  }

  inspectRoot(certificatesPem: string, keyPem?: string): RootFacts {
    return orBadRoot(() => {
      const blocks = readPem(certificatesPem).filter(({ type }) => type === 'CERTIFICATE');
      const certificates = blocks.map(({ der }) => new X509Certificate(der));
      const [first] = certificates;
      if (first === undefined) throw new Error('is not a PEM certificate');
      for (const one of certificates) checkAuthority(one, this.env.clock.now());
      if (keyPem !== undefined && !first.checkPrivateKey(createPrivateKey(keyPem)))
        throw new Error('does not belong to the key');
      return {
        pem: blocks.map(({ der }) => writePem('CERTIFICATE', der)).join(''),
        certificates: certificates.length,
        notAfter: Math.min(...certificates.map(({ validTo }) => Date.parse(validTo))),
        subject: subjectNameOf(first),
        publicKey: spkiOf(first.publicKey),
      };
    });
  }

  crossSign(by: SigningRoot, certificatePem: string): string {
    return orBadRoot(() =>
      writePem('CERTIFICATE', crossSign(new X509Certificate(certificatePem), parsed(by))),
    );
  }

  crossSigningRequest(root: SigningRoot): CrossSigningRequest {
    return orBadRoot(() => {
      const { certificate, key } = parsed(root);
      const { subject } = certificate.toLegacyObject();
      return {
        csrPem: createCsr({ publicKey: certificate.publicKey, privateKey: key }, certificate),
        subject: Object.fromEntries(
          Object.entries(subject).filter(
            (part): part is [string, string] => typeof part[1] === 'string',
          ),
        ),
        constraints: constraintsOf(certificate),
      };
    });
  }

  formerNode({ chainPem, csrPem, rootsPem }: FormerCertificate): FormerNode {
    try {
      const former = formerNode(chainPem, rootsPem);
      if (!spkiOf(publicKeyOfCsr(csrPem)).equals(former.publicKey))
        throw new Error('has another key than the request');
      return former;
    } catch (cause) {
      // Node and OpenSSL have words of their own.
      const own = cause instanceof Error && !('code' in cause) ? cause.message : 'cannot be used';
      throw new SwarmError(
        'permission-denied',
        'CA_PROOF',
        `the certificate that the request shows ${own}`,
        { cause },
      );
    }
  }

  publicKeyOf(pem: string): Uint8Array | undefined {
    try {
      const isRequest = pem.includes('CERTIFICATE REQUEST-----');
      return spkiOf(isRequest ? publicKeyOfCsr(pem) : new X509Certificate(pem).publicKey);
    } catch {
      return undefined;
    }
  }

  // A promise, as the contract has it: other authorities ask an outside signer.
  async sign(request: SignRequest): Promise<string> {
    return this.issue(this.signer(), request);
  }

  signWith(root: SigningRoot, request: SignRequest): string {
    const { certificatePem, keyPem, intermediatesPem = '' } = root;
    if (this.lent?.certificatePem !== certificatePem || this.lent.keyPem !== keyPem)
      this.lent = { certificatePem, keyPem, ...orBadRoot(() => parsed(root)) };
    return this.issue(this.lent, request) + intermediatesPem;
  }

  private issue(root: ParsedRoot, { csrPem, expiryMs, ...names }: SignRequest): string {
    const publicKey = publicKeyOfCsr(csrPem);
    const profile = nodeProfile(names, expiryMs, this.env.clock.now());
    return writePem('CERTIFICATE', issueCertificate(profile, publicKey, this.serial(), root));
  }

  private signer() {
    if (this.root === undefined) {
      throw new SwarmError(
        'failed-precondition',
        'CA_NO_KEY',
        'this node does not hold the root key and cannot sign certificates: ask another manager',
      );
    }
    return this.root;
  }

  private serial(): Uint8Array {
    return serialOf(this.env.random.bytes(SERIAL_BYTES));
  }
}

function parsed({ certificatePem, keyPem }: Root): ParsedRoot {
  const certificate = new X509Certificate(certificatePem);
  const key = createPrivateKey(keyPem);
  if (!certificate.checkPrivateKey(key)) throw new Error('does not belong to the key');
  return { certificate, key };
}

function orBadRoot<T>(work: () => T): T {
  try {
    return work();
  } catch (cause) {
    // Node and OpenSSL have words of their own.
    const own = cause instanceof Error && !('code' in cause) ? cause.message : 'cannot be read';
    throw new SwarmError('invalid-argument', 'CA_ROOT', `the root certificate ${own}`, { cause });
  }
}
