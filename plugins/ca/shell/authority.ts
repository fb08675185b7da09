import { createHash, createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto';
import type {
  CertificateAuthority,
  RootMaterial,
  SigningRoot,
  SignRequest,
} from '@swarmkit/sdk/contracts/certificate-authority';
import type { Env } from '@swarmkit/sdk/plugin/env';
import { messageOf, SwarmError } from '@swarmkit/sdk/plugin/errors';
import { nodeProfile, rootProfile, SERIAL_BYTES, serialOf } from '../core/certificate-profile.js';
import { joinToken, SECRET_BYTES } from '../core/join-token.js';
import { writePem } from './pem.js';
import { generateKey, issueCertificate, publicKeyOfCsr } from './x509.js';

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
    const digest = `sha256:${createHash('sha256').update(certificatePem).digest('hex')}`;
    const token = (): string => joinToken(digest, this.env.random.bytes(SECRET_BYTES));
    return { certificatePem, keyPem, digest, workerToken: token(), managerToken: token() };
  }

  // A promise, as the contract has it: other authorities ask an outside signer.
  async sign(request: SignRequest): Promise<string> {
    return this.issue(this.signer(), request);
  }

  signWith(root: SigningRoot, request: SignRequest): string {
    const { certificatePem, keyPem, intermediatesPem = '' } = root;
    if (this.lent?.certificatePem !== certificatePem || this.lent.keyPem !== keyPem)
      this.lent = { certificatePem, keyPem, ...checked(root) };
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

const parsed = ({ certificatePem, keyPem }: Root): ParsedRoot => ({
  certificate: new X509Certificate(certificatePem),
  key: createPrivateKey(keyPem),
});

function checked(root: Root): ParsedRoot {
  try {
    const { certificate, key } = parsed(root);
    if (!certificate.checkPrivateKey(key)) throw new Error('the key is that of another one');
    return { certificate, key };
  } catch (cause) {
    throw new SwarmError(
      'invalid-argument',
      'CA_ROOT',
      `the root certificate cannot sign: ${messageOf(cause)}`,
      { cause },
    );
  }
}
