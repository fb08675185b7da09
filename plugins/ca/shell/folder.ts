// The certificate folder: names, modes and headers as SwarmKit keeps them. Each file is replaced whole
// (temporary file, fsync, rename, fsync of the folder), so a crash leaves the old or the new one.
import { constants } from 'node:fs';
import { mkdir, open, readFile, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { messageOf, SwarmError } from '@swarmkit/sdk/plugin/errors';
import type { FolderFile } from '../core/folder-plan.js';

/** Where a new node certificate waits until its key is in place. */
const PENDING = '.swarm-node.crt';

const PUBLIC = 0o644;
const SECRET = 0o600;

export interface FolderFiles {
  readonly rootCertificate: string | undefined;
  readonly rootKey: string | undefined;
  readonly nodeCertificate: string | undefined;
  readonly nodeKey: string | undefined;
  readonly pendingCertificate: string | undefined;
}

export class CertificateFolder {
  constructor(readonly dir: string) {}

  pathOf(file: FolderFile | typeof PENDING): string {
    return join(this.dir, file);
  }

  async read(): Promise<FolderFiles> {
    const [rootCertificate, rootKey, nodeCertificate, nodeKey, pendingCertificate] =
      await Promise.all([
        this.text('swarm-root-ca.crt'),
        this.text('swarm-root-ca.key'),
        this.text('swarm-node.crt'),
        this.text('swarm-node.key'),
        this.text(PENDING),
      ]);
    return { rootCertificate, rootKey, nodeCertificate, nodeKey, pendingCertificate };
  }

  /** The key first: a certificate without its key could never be used. */
  async saveRoot(certificatePem: string, keyPem: string): Promise<void> {
    await this.guard(async () => {
      await mkdir(this.dir, { recursive: true, mode: 0o755 });
      await this.replace('swarm-root-ca.key', keyPem, SECRET);
      await this.replace('swarm-root-ca.crt', certificatePem, PUBLIC);
    });
  }

  /**
   * Roots that came from the managers. A root key that lies here is of the roots before, and goes first: a
   * crash in between leaves the old roots without it, which is a folder that works.
   */
  async saveRoots(certificatePem: string): Promise<void> {
    await this.guard(async () => {
      await mkdir(this.dir, { recursive: true, mode: 0o755 });
      await this.forgetRootKey();
      await this.replace('swarm-root-ca.crt', certificatePem, PUBLIC);
    });
  }

  async forgetRootKey(): Promise<void> {
    await this.guard(async () => {
      await rm(this.pathOf('swarm-root-ca.key'), { force: true });
      await this.sync();
    });
  }

  /** The key stays the same and is kept in another way, or its headers changed. */
  async saveKey(keyPem: string): Promise<void> {
    await this.guard(() => this.replace('swarm-node.key', keyPem, SECRET));
  }

  /** SwarmKit's order. A crash in the middle is mended by `adoptPending` at the next start. */
  async saveNode(certificatePem: string, keyPem: string): Promise<void> {
    await this.guard(async () => {
      await this.replace(PENDING, certificatePem, PUBLIC);
      await this.replace('swarm-node.key', keyPem, SECRET);
    });
    await this.adoptPending();
  }

  async adoptPending(): Promise<void> {
    await this.guard(async () => {
      await rename(this.pathOf(PENDING), this.pathOf('swarm-node.crt'));
      await this.sync();
    });
  }

  private async text(file: FolderFile | typeof PENDING): Promise<string | undefined> {
    const path = this.pathOf(file);
    try {
      return await readFile(path, 'utf8');
    } catch (error) {
      if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
      throw new SwarmError('data-loss', 'CA_STATE', `${path} cannot be read: ${messageOf(error)}`, {
        cause: error,
      });
    }
  }

  private replace(file: FolderFile | typeof PENDING, text: string, mode: number): Promise<void> {
    return replaceFile(this.pathOf(file), text, mode);
  }

  private sync(): Promise<void> {
    return syncFolder(this.dir);
  }

  private async guard(write: () => Promise<void>): Promise<void> {
    try {
      await write();
    } catch (error) {
      throw new SwarmError(
        'unavailable',
        'CA_WRITE',
        `the certificates in ${this.dir} cannot be written: ${messageOf(error)}`,
        { cause: error },
      );
    }
  }
}

/** A crash leaves the old file or the new one. */
export async function replaceFile(path: string, text: string, mode: number): Promise<void> {
  const temporary = `${path}.tmp`;
  const flags = constants.O_WRONLY | constants.O_CREAT | constants.O_TRUNC | constants.O_NOFOLLOW;
  const handle = await open(temporary, flags, mode);
  try {
    // The mode above counts only for a new file, and less the umask.
    await handle.chmod(mode);
    await handle.writeFile(text);
    await handle.sync();
  } finally {
    await handle.close();
  }
  await rename(temporary, path);
  await syncFolder(dirname(path));
}

/** Makes renames durable. */
async function syncFolder(dir: string): Promise<void> {
  const handle = await open(dir, constants.O_RDONLY);
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
