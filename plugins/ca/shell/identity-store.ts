// This node's identity on disk: read and checked at start, made on the first one, replaced on renewal.
// One change at a time, each on disk before anybody hears of it. What cannot be used is said in one
// sentence that names the file; nothing is repaired by guessing.
import { createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto';
import type { DataKeySet } from '@swarmkit/sdk/contracts/data-keys';
import type { Env } from '@swarmkit/sdk/plugin/env';
import { invariant, isSwarmError, messageOf, SwarmError } from '@swarmkit/sdk/plugin/errors';
import type { Logger } from '@swarmkit/sdk/plugin/plugin';
import { DEFAULT_NODE_EXPIRY_MS, type NodeNames } from '../core/certificate-profile.js';
import {
  type CertificateFact,
  type FolderFile,
  type FolderPlan,
  planFor,
} from '../core/folder-plan.js';
import type { Authority } from './authority.js';
import type { CertificateFolder, FolderFiles } from './folder.js';
import {
  type Held,
  holdGiven,
  holdIdentity,
  isSignedBy,
  readCertificates,
} from './held-identity.js';
import {
  type Kek,
  type KeyFile,
  NO_DATA_KEYS,
  NO_KEK,
  readKeyFile,
  withKek,
  writeKeyFile,
} from './key-file.js';
import { createCsr, generateKey } from './x509.js';

/** What a look at the folder found, and what is to be done about it. */
export interface Found {
  readonly plan: FolderPlan;
  readonly files: FolderFiles;
}

export class IdentityStore {
  private file: KeyFile | undefined;
  private holds: Held | undefined;
  /** The change in progress, if any. */
  private last: Promise<unknown> = Promise.resolve();
  private founded = false;

  constructor(
    private readonly folder: CertificateFolder,
    private readonly authority: Authority,
    private readonly env: Env,
    private readonly log: Logger,
  ) {}

  /** After `open`, `found` or `adopt`. */
  get held(): Held {
    invariant(this.holds !== undefined, 'CA_NOT_STARTED');
    return this.holds;
  }

  get kek(): Kek {
    return this.file?.kek ?? NO_KEK;
  }

  get dataKeys(): DataKeySet {
    return this.file?.dataKeys ?? NO_DATA_KEYS;
  }

  /** This node made its cluster's root, and still has that root's key. */
  get isFounder(): boolean {
    return this.founded;
  }

  /** 'locked' until it is given the key-encryption key; CA_UNLOCK_WRONG when that is another one. */
  async look(joining: boolean, kek?: Uint8Array): Promise<Found | 'locked'> {
    const files = await this.folder.read();
    const file = this.readKeyFile(files.nodeKey, kek);
    if (file === 'locked') return file;
    this.file = file;
    const plan = planFor({
      rootCertificate: files.rootCertificate !== undefined,
      rootKey: files.rootKey !== undefined,
      nodeKey: file !== undefined,
      nodeCertificate: factOf(files.nodeCertificate, file?.key),
      pendingCertificate: factOf(files.pendingCertificate, file?.key),
      joining,
    });
    if (plan.do === 'refuse') throw this.stateError(plan.file, plan.problem);
    return { plan, files };
  }

  /** Takes what is there. The certificate may be out of date. */
  async open({ plan, files }: Found): Promise<Held> {
    invariant(plan.do === 'use' && this.file !== undefined, 'CA_NOT_STARTED');
    const rootsPem = this.readRoots(files);
    if (plan.certificate === 'pending') await this.folder.adoptPending();
    const certificate =
      plan.certificate === 'pending' ? files.pendingCertificate : files.nodeCertificate;
    this.holds = this.hold(certificate ?? '', this.file.key, rootsPem);
    return this.holds;
  }

  /** The first identity of a new cluster: its root too, unless a crash left that here already. */
  async found({ plan, files }: Found): Promise<Held> {
    const names = { clusterId: this.env.id(), nodeId: this.env.id(), role: 'manager' } as const;
    if (plan.do === 'issue') return this.issue(names, this.readRoots(files));
    const root = this.authority.createRoot();
    await this.folder.saveRoot(root.certificatePem, root.keyPem);
    this.authority.use(root);
    this.founded = true;
    this.log.info({ cluster: names.clusterId }, 'made the root certificate of a new cluster');
    return this.issue(names, root.certificatePem);
  }

  /** Signs for itself, with the root key that is here. Under the same names, and with a new key. */
  reissue(): Promise<Held> {
    const { identity } = this.held;
    return this.issue(identity, identity.rootsPem);
  }

  /**
   * A certificate for `key` that somebody signed. `kek`: the one that managers keep keys under now; it
   * counts where it is newer than ours. Throws CA_CERTIFICATE when the certificate is of no use.
   */
  adopt(certificatePem: string, key: KeyObject, rootsPem: string, kek?: Kek): Promise<Held> {
    return this.alone(async () => {
      const held = holdGiven(certificatePem, key, rootsPem);
      const { nodeId, role } = held.identity;
      const before = this.file;
      const present = before?.kek ?? NO_KEK;
      const next: KeyFile =
        role === 'worker'
          ? // A worker has nothing to lock, and no manager that could unlock it.
            { key, kek: NO_KEK, dataKeys: NO_DATA_KEYS, others: before?.others ?? new Map() }
          : withKek(
              {
                key,
                kek: present,
                dataKeys: before?.dataKeys ?? NO_DATA_KEYS,
                others: before?.others ?? new Map(),
              },
              kek !== undefined && kek.version > present.version ? kek : present,
            );
      // The roots first: they are good for the certificate before too, and the new one is none without.
      if (this.holds !== undefined && rootsPem !== this.holds.identity.rootsPem)
        await this.folder.saveRoots(rootsPem);
      await this.folder.saveNode(certificatePem, this.textOf(next));
      // The cluster's key lies neither on a worker nor beside a lock.
      if (role === 'worker' || next.kek.key !== undefined) await this.folder.forgetRootKey();
      this.file = next;
      this.holds = held;
      this.log.info({ node: nodeId, role }, 'a new certificate for this node');
      return held;
    });
  }

  /** Throws CA_ROOTS when they are no roots, or our own chain does not validate against them. */
  useRoots(pem: string): Promise<Held> {
    return this.alone(async () => {
      const { held } = this;
      if (pem === held.identity.rootsPem) return held;
      this.checkRoots(pem);
      let next: Held;
      try {
        next = holdIdentity(held.identity.certificatePem, this.keyFile().key, pem);
      } catch (cause) {
        throw unfitRoots('this node’s certificate does not chain to them', cause);
      }
      await this.folder.saveRoots(pem);
      this.founded = false;
      this.holds = next;
      return next;
    });
  }

  /** Rewrites the key file: the key stays. `undefined` leaves all as it is. */
  changeKeyFile(change: (file: KeyFile) => KeyFile | undefined): Promise<void> {
    return this.alone(async () => {
      const next = change(this.keyFile());
      if (next === undefined) return;
      await this.folder.saveKey(this.textOf(next));
      this.file = next;
      // In a locked cluster no copy of the root key may lie beside the lock.
      if (next.kek.key !== undefined) await this.folder.forgetRootKey();
    });
  }

  /** The private key; what proves that this node is the one its certificate names. */
  get key(): KeyObject {
    return this.keyFile().key;
  }

  private keyFile(): KeyFile {
    invariant(this.file !== undefined, 'CA_NOT_STARTED');
    return this.file;
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
    return this.adopt(certificatePem, key.privateKey, rootsPem);
  }

  private textOf(file: KeyFile): string {
    return writeKeyFile(file, (count) => this.env.random.bytes(count));
  }

  /** One change after the other, whether or not the one before failed. */
  private alone<T>(work: () => Promise<T>): Promise<T> {
    const done = this.last.then(work, work);
    this.last = done.catch(() => undefined);
    return done;
  }

  private hold(certificatePem: string, key: KeyObject, rootsPem: string): Held {
    try {
      return holdIdentity(certificatePem, key, rootsPem);
    } catch (error) {
      throw this.stateError('swarm-node.crt', messageOf(error), error);
    }
  }

  private readKeyFile(
    text: string | undefined,
    kek: Uint8Array | undefined,
  ): KeyFile | 'locked' | undefined {
    try {
      return text === undefined ? undefined : readKeyFile(text, kek);
    } catch (error) {
      if (isSwarmError(error)) throw error;
      const why = messageOf(error).startsWith('its ') ? `: ${messageOf(error)}` : '';
      throw this.stateError('swarm-node.key', `is not a PEM private key${why}`, error);
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
      this.founded = true;
    }
    return rootCertificate;
  }

  private checkRoots(pem: string): void {
    let roots: readonly X509Certificate[];
    try {
      roots = readCertificates(pem);
    } catch (cause) {
      throw unfitRoots('they are no PEM certificates', cause);
    }
    if (roots.length === 0) throw unfitRoots('they are no PEM certificates');
    const now = this.env.clock.now();
    for (const root of roots) {
      if (!root.ca || !isSignedBy(root, root)) throw unfitRoots('one does not sign itself');
      if (now < Date.parse(root.validFrom) || now >= Date.parse(root.validTo))
        throw unfitRoots('one is not valid now');
    }
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

  /** What to say of a certificate that is not valid now and cannot be renewed. */
  expired(file: FolderFile, from: number, to: number, cause?: unknown): SwarmError {
    const span = `${new Date(from).toISOString()} to ${new Date(to).toISOString()}`;
    const why = cause === undefined ? '' : `, and no manager renewed it (${messageOf(cause)})`;
    return new SwarmError(
      'failed-precondition',
      'CA_EXPIRED',
      `${this.folder.pathOf(file)} is valid from ${span} and not now${why}: check the clock, or join the cluster anew`,
      { cause },
    );
  }
}

const unfitRoots = (why: string, cause?: unknown): SwarmError =>
  new SwarmError('failed-precondition', 'CA_ROOTS', `the new roots are not trusted: ${why}`, {
    cause,
  });

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
