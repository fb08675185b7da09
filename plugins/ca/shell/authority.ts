import { createHash, createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto';
import type {
  CertificateAuthority,
  RootMaterial,
  SignRequest,
} from '@swarmkit/sdk/contracts/certificate-authority';
import type { Env } from '@swarmkit/sdk/plugin/env';
import { SwarmError } from '@swarmkit/sdk/plugin/errors';
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

/** Signs with the root that was put in; without one every verb is CA_NO_KEY. */
export class Authority implements CertificateAuthority {
  private root:
    | (Root & { readonly certificate: X509Certificate; readonly key: KeyObject })
    | undefined;

  constructor(private readonly env: Env) {}

  get canSign(): boolean {
    return this.root !== undefined;
  }

  use(root: Root): void {
    this.root = {
      ...root,
      certificate: new X509Certificate(root.certificatePem),
      key: createPrivateKey(root.keyPem),
    };
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
  async sign({ csrPem, expiryMs, ...names }: SignRequest): Promise<string> {
    const root = this.signer();
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
