/**
 * The certificate folder of a node that does not run: opened with whatever key that takes, or made anew
 * for a cluster whose root key is at hand. Nobody is asked and nothing is renewed.
 */
import type { DataKeySet, DataKeys } from '@swarmkit/sdk/contracts/data-keys';
import type { Identity } from '@swarmkit/sdk/contracts/identity';
import { parseUnlockKey } from '@swarmkit/sdk/model/unlock-key';
import type { Env } from '@swarmkit/sdk/plugin/env';
import { SwarmError } from '@swarmkit/sdk/plugin/errors';
import type { Logger } from '@swarmkit/sdk/plugin/plugin';
import { EMPTY } from 'rxjs';
import { DEFAULT_NODE_EXPIRY_MS } from '../core/certificate-profile.js';
import { Authority, type Root } from './authority.js';
import { CertificateFolder } from './folder.js';
import { IdentityStore } from './identity-store.js';
import type { Kek } from './key-file.js';
import { createCsr, generateKey } from './x509.js';

export class OfflineIdentity implements DataKeys {
  /** Nobody else writes the file. */
  readonly changed$ = EMPTY;

  private constructor(
    readonly identity: Identity,
    private readonly store: IdentityStore,
  ) {}

  /** `unlockKey`: SWMKEY-1-…; CA_LOCKED where it takes one and there is none. A certificate may be out of date. */
  static async open(
    dir: string,
    unlockKey: string | undefined,
    env: Env,
    log: Logger,
  ): Promise<OfflineIdentity> {
    const store = new IdentityStore(new CertificateFolder(dir), new Authority(env), env, log);
    const kek = unlockKey === undefined ? undefined : parseUnlockKey(unlockKey);
    const found = await store.look(false, kek);
    if (found === 'locked')
      throw new SwarmError(
        'failed-precondition',
        'CA_LOCKED',
        "this node's key is locked, and with it the keys of its log: give the unlock key with --unlock-key or SWARM_UNLOCK_KEY",
      );
    if (found.plan.do !== 'use')
      throw new SwarmError(
        'failed-precondition',
        'CA_NO_IDENTITY',
        `${dir} has no certificate of a node: name the state folder of a node that has been in a cluster`,
      );
    return new OfflineIdentity((await store.open(found)).identity, store);
  }

  /** A new manager of this cluster, signed for with its root key. */
  static async issue(
    dir: string,
    {
      clusterId,
      root,
      kek,
    }: { readonly clusterId: string; readonly root: Root; readonly kek: Kek },
    env: Env,
    log: Logger,
  ): Promise<OfflineIdentity> {
    const authority = new Authority(env);
    const folder = new CertificateFolder(dir);
    const store = new IdentityStore(folder, authority, env, log);
    const key = generateKey();
    const certificate = authority.signWith(root, {
      csrPem: createCsr(key),
      clusterId,
      nodeId: env.id(),
      role: 'manager',
      expiryMs: DEFAULT_NODE_EXPIRY_MS,
    });
    await folder.saveRoots(root.certificatePem);
    const held = await store.adopt(certificate, key.privateKey, root.certificatePem, kek);
    return new OfflineIdentity(held.identity, store);
  }

  read(): DataKeySet {
    return this.store.dataKeys;
  }

  write(dataKeys: DataKeySet): Promise<void> {
    return this.store.changeKeyFile((file) => ({ ...file, dataKeys }));
  }
}
