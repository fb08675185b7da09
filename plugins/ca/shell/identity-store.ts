// This node's identity on disk: read and checked at start, made on the first one, replaced on renewal.
// What cannot be used is said in one sentence that names the file; nothing is repaired by guessing.
import { createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto';
import type { Env } from '@swarmkit/sdk/plugin/env';
import { messageOf, SwarmError } from '@swarmkit/sdk/plugin/errors';
import type { Logger } from '@swarmkit/sdk/plugin/plugin';
import { DEFAULT_NODE_EXPIRY_MS, type NodeNames } from '../core/certificate-profile.js';
import { type CertificateFact, type FolderFile, planFor } from '../core/folder-plan.js';
import type { Authority } from './authority.js';
import type { CertificateFolder, FolderFiles } from './folder.js';
import { type Held, holdIdentity, isSignedBy, readCertificates } from './held-identity.js';
import { readPem, writePem } from './pem.js';
import { createCsr, generateKey } from './x509.js';

export class IdentityStore {
  /**
   * Headers of the key file. `kek-version` is always there, 0 for a key that was never locked; raft
   * keeps keys of its own beside it, so a renewal carries all of them over.
   */
  private headers: ReadonlyMap<string, string> = new Map([['kek-version', '0']]);

  constructor(
    private readonly folder: CertificateFolder,
    private readonly authority: Authority,
    private readonly env: Env,
    private readonly log: Logger,
  ) {}

  async open(): Promise<Held> {
    const files = await this.folder.read();
    const key = this.readNodeKey(files.nodeKey);
    const plan = planFor({
      rootCertificate: files.rootCertificate !== undefined,
      rootKey: files.rootKey !== undefined,
      nodeKey: key !== undefined,
      nodeCertificate: factOf(files.nodeCertificate, key),
      pendingCertificate: factOf(files.pendingCertificate, key),
    });
    if (plan.do === 'refuse') throw this.stateError(plan.file, plan.problem);
    if (plan.do === 'bootstrap') return this.bootstrap();
    const rootsPem = this.readRoots(files);
    if (plan.do === 'issue' || key === undefined) return this.issue(this.newNames(), rootsPem);
    if (plan.certificate === 'pending') await this.folder.adoptPending();
    const certificate =
      plan.certificate === 'pending' ? files.pendingCertificate : files.nodeCertificate;
    return this.stillValid(this.hold(certificate ?? '', key, rootsPem));
  }

  /** A new key and certificate under the same names. */
  renew({ identity }: Held): Promise<Held> {
    return this.issue(identity, identity.rootsPem);
  }

  private async bootstrap(): Promise<Held> {
    const root = this.authority.createRoot();
    await this.folder.saveRoot(root.certificatePem, root.keyPem);
    this.authority.use(root);
    const names = this.newNames();
    this.log.info({ cluster: names.clusterId }, 'made the root certificate of a new cluster');
    return this.issue(names, root.certificatePem);
  }

  private newNames(): NodeNames {
    return { clusterId: this.env.id(), nodeId: this.env.id(), role: 'manager' };
  }

  private async issue({ clusterId, nodeId, role }: NodeNames, rootsPem: string): Promise<Held> {
    const key = generateKey();
    const certificatePem = await this.authority.sign({
      csrPem: createCsr(key),
      clusterId,
      nodeId,
      role,
      expiryMs: DEFAULT_NODE_EXPIRY_MS,
    });
    const held = this.hold(certificatePem, key.privateKey, rootsPem);
    const der = key.privateKey.export({ type: 'pkcs8', format: 'der' });
    await this.folder.saveNode(certificatePem, writePem('PRIVATE KEY', der, this.headers));
    this.log.info({ node: nodeId, role }, 'issued a certificate for this node');
    return held;
  }

  private hold(certificatePem: string, key: KeyObject, rootsPem: string): Held {
    try {
      return holdIdentity(certificatePem, key, rootsPem);
    } catch (error) {
      throw this.stateError('swarm-node.crt', messageOf(error), error);
    }
  }

  /** An expired certificate is no obstacle where the key that signed it is at hand. */
  private stillValid(held: Held): Promise<Held> | Held {
    const now = this.env.clock.now();
    const { notAfter } = held.identity;
    if (now >= held.notBefore && now < notAfter) return held;
    if (this.authority.canSign) {
      this.log.warn(
        { notBefore: held.notBefore, notAfter, now },
        'certificate out of date: renewing',
      );
      return this.renew(held);
    }
    throw this.expired('swarm-node.crt', held.notBefore, notAfter);
  }

  private readNodeKey(pem: string | undefined): KeyObject | undefined {
    if (pem === undefined) return undefined;
    const block = readPem(pem).find(({ type }) => type.endsWith('PRIVATE KEY'));
    if (block?.type === 'ENCRYPTED PRIVATE KEY')
      throw this.stateError('swarm-node.key', 'is locked, and unlocking is not supported yet');
    try {
      if (block === undefined) throw new Error('there is no key in it');
      const key = createPrivateKey(writePem(block.type, block.der));
      this.headers = new Map([...this.headers, ...block.headers]);
      return key;
    } catch (error) {
      throw this.stateError('swarm-node.key', 'is not a PEM private key', error);
    }
  }

  /** Also hands the root key to the authority, where there is one. */
  private readRoots({ rootCertificate = '', rootKey }: FolderFiles): string {
    const roots = this.readRootCertificates(rootCertificate);
    const now = this.env.clock.now();
    for (const root of roots) {
      const [from, to] = [Date.parse(root.validFrom), Date.parse(root.validTo)];
      if (now < from || now >= to) throw this.expired('swarm-root-ca.crt', from, to);
    }
    if (rootKey !== undefined) {
      try {
        const key = createPrivateKey(rootKey);
        if (!roots[0]?.checkPrivateKey(key))
          throw new Error('it is the key of another certificate');
      } catch (error) {
        throw this.stateError(
          'swarm-root-ca.key',
          'is not the private key of swarm-root-ca.crt',
          error,
        );
      }
      this.authority.use({ certificatePem: rootCertificate, keyPem: rootKey });
    }
    return rootCertificate;
  }

  private readRootCertificates(pem: string): readonly X509Certificate[] {
    let roots: readonly X509Certificate[] = [];
    try {
      roots = readCertificates(pem);
    } catch (error) {
      throw this.stateError('swarm-root-ca.crt', 'is not a PEM certificate', error);
    }
    if (roots.length === 0) throw this.stateError('swarm-root-ca.crt', 'is not a PEM certificate');
    if (!roots.every((root) => root.ca && isSignedBy(root, root)))
      throw this.stateError('swarm-root-ca.crt', 'is not a certificate that signs itself');
    return roots;
  }

  private stateError(file: FolderFile, problem: string, cause?: unknown): SwarmError {
    return new SwarmError(
      'data-loss',
      'CA_STATE',
      `${this.folder.pathOf(file)} ${problem}: restore the folder from a backup, or remove this node's whole state to begin a new cluster`,
      { cause },
    );
  }

  private expired(file: FolderFile, from: number, to: number): SwarmError {
    const span = `${new Date(from).toISOString()} to ${new Date(to).toISOString()}`;
    return new SwarmError(
      'failed-precondition',
      'CA_EXPIRED',
      `${this.folder.pathOf(file)} is valid from ${span} and not now: check the clock, or join the cluster anew`,
    );
  }
}

function factOf(pem: string | undefined, key: KeyObject | undefined): CertificateFact {
  if (pem === undefined) return 'absent';
  try {
    const [leaf] = readCertificates(pem);
    if (leaf === undefined) return 'unreadable';
    return key !== undefined && leaf.checkPrivateKey(key) ? 'matching' : 'other';
  } catch {
    return 'unreadable';
  }
}
