// This node's identity from start to stop: how it is come by, and what changes it afterwards. It wires the
// parts of this folder; each of them knows only its own.
import type { DataKeySet, DataKeys } from '@swarmkit/sdk/contracts/data-keys';
import type { IdentityNews, KnownManager, KnownManagers } from '@swarmkit/sdk/contracts/identity';
import type { KeyLock } from '@swarmkit/sdk/contracts/key-lock';
import { parseUnlockKey } from '@swarmkit/sdk/model/unlock-key';
import type { Env } from '@swarmkit/sdk/plugin/env';
import { messageOf, SwarmError } from '@swarmkit/sdk/plugin/errors';
import type { Channel, Logger } from '@swarmkit/sdk/plugin/plugin';
import type { Node } from '@swarmkit/sdk/wire/gen/swarmkit/objects';
import type { RenewalWindow } from '../core/renewal.js';

import { wantedOf } from '../core/wanted.js';
import { Authority } from './authority.js';
import type { Dial } from './dial.js';
import { Dismissal } from './dismissal.js';
import { CertificateFolder } from './folder.js';
import type { Held } from './held-identity.js';
import { type Found, IdentityStore } from './identity-store.js';
import { type JoinConfig, join } from './joiner.js';
import { isSameKek, type Kek, NO_KEK, withKek } from './key-file.js';
import { ManagerList } from './known-managers.js';
import type { CurrentIdentity } from './node-identity.js';
import { RemoteCa } from './remote-ca.js';
import { Renewal } from './renewal.js';
import { Renewer } from './renewer.js';
import { LOCKED, openWaitingRoom } from './waiting-room.js';

export interface CaConfig {
  /** Folder of the certificates, `<state>/certificates`. */
  readonly dir: string;
  /** Where known managers are kept, `<state>/state.json`. */
  readonly managersFile: string;
  /** Path of this node's control socket. */
  readonly controlSocket?: string;
  /** The cluster to join; only a node without an identity looks at it. */
  readonly join?: JoinConfig;
  /** SWMKEY-1-…, for a node that is locked. */
  readonly unlockKey?: string;
  readonly renewal?: RenewalWindow;
}

export interface NodeLifeParts {
  readonly config: CaConfig;
  readonly env: Env;
  readonly log: Logger;
  readonly dial: Dial;
  readonly identity: CurrentIdentity;
  readonly keysChanged: Channel<void>;
}

export class NodeLife implements IdentityNews, KnownManagers, DataKeys, KeyLock {
  readonly authority: Authority;
  readonly changed$ = this.parts.keysChanged.facts$;
  private readonly folder: CertificateFolder;
  private readonly store: IdentityStore;
  private readonly list: ManagerList;
  private readonly remote: RemoteCa;
  private readonly renewal: Renewal;
  private readonly renewer: Renewer;
  private readonly dismissal: Dismissal;
  private readonly stopping = new AbortController();
  private toldKek: Kek = NO_KEK;

  constructor(private readonly parts: NodeLifeParts) {
    const { config, env, log, dial } = parts;
    const { clock } = env;
    const random = env.random.fork('renewal');
    this.authority = new Authority(env);
    this.folder = new CertificateFolder(config.dir);
    this.store = new IdentityStore(this.folder, this.authority, env, log);
    this.list = new ManagerList(config.managersFile, log);
    this.remote = new RemoteCa({ dial, clock, random, log });
    this.renewal = new Renewal({
      remote: this.remote,
      store: this.store,
      authority: this.authority,
      managers: this.list,
      clock,
      random,
      log,
      controlSocket: config.controlSocket,
    });
    this.renewer = new Renewer({
      clock,
      random,
      log,
      window: config.renewal,
      renew: async () => this.publish(await this.renewal.run(this.stopping.signal)),
    });
    this.dismissal = new Dismissal({
      clock,
      log,
      duty: parts.identity.duty,
      role: () => this.store.held.identity.role,
      forceRenewal: (reason) => this.renewer.force(reason),
      signal: this.stopping.signal,
    });
  }

  /** Resolves with an identity that is valid now. `signal`: the start is given up. */
  async start(signal: AbortSignal): Promise<void> {
    const either = AbortSignal.any([signal, this.stopping.signal]);
    await this.list.load();
    const held = await this.comeBy(await this.unlocked(either), either);
    this.toldKek = this.store.kek;
    this.publish(held);
    this.renewer.watch(this.store.held);
  }

  stop(): void {
    this.stopping.abort();
    this.renewer.stop();
  }

  private async comeBy(found: Found, signal: AbortSignal): Promise<Held> {
    const { config, env, log } = this.parts;
    switch (found.plan.do) {
      case 'bootstrap':
      case 'issue':
        return this.store.found(found);
      case 'join': {
        const { remote, folder, store, list: managers } = this;
        const saved = found.files.rootCertificate;
        const parts = { remote, folder, store, managers, clock: env.clock, log };
        return join(parts, config.join ?? { addresses: [] }, saved, signal);
      }
      case 'ask-again':
        throw new SwarmError(
          'failed-precondition',
          'CA_JOIN',
          'this node began to join a cluster and was not taken in yet: start it with the address and the token again',
        );
      default:
        if (config.join !== undefined) {
          log.info(
            'this node has an identity already: the token is passed over, and the address is one more manager to ask',
          );
          this.list.also(config.join.addresses);
        }
        return this.valid(await this.store.open(found), signal);
    }
  }

  /** A certificate that ran out while the machine was off is renewed first. */
  private async valid(held: Held, signal: AbortSignal): Promise<Held> {
    const { env, log } = this.parts;
    const { notBefore, identity } = held;
    const now = env.clock.now();
    if (now >= notBefore && now < identity.notAfter) return held;
    if (now < notBefore && !this.authority.canSign)
      throw this.store.expired('swarm-node.crt', notBefore, identity.notAfter);
    log.warn({ notBefore, notAfter: identity.notAfter, now }, 'certificate out of date: renewing');
    try {
      return await this.renewal.rescue(signal);
    } catch (error) {
      signal.throwIfAborted();
      throw this.store.expired('swarm-node.crt', notBefore, identity.notAfter, error);
    }
  }

  /** The folder, read with whatever key that takes; waits for one where it must. */
  private async unlocked(signal: AbortSignal): Promise<Found> {
    const { config, log } = this.parts;
    const joining = config.join !== undefined;
    const given = config.unlockKey === undefined ? undefined : parseUnlockKey(config.unlockKey);
    const found = await this.store.look(joining, given);
    if (found !== 'locked') return found;
    const path = config.controlSocket;
    if (path === undefined) throw new SwarmError('failed-precondition', 'CA_LOCKED', LOCKED);
    log.warn({ controlApi: path }, LOCKED);
    let opened: (found: Found) => void = () => undefined;
    const opening = new Promise<Found>((resolve, reject) => {
      opened = resolve;
      signal.addEventListener('abort', () => reject(signal.reason as Error), { once: true });
    });
    opening.catch(() => undefined);
    const room = await openWaitingRoom({
      path,
      certificate: this.authority.createRoot(),
      unlock: async (text) => {
        const found = await this.store.look(joining, parseUnlockKey(text));
        if (found !== 'locked') opened(found);
      },
    });
    try {
      const found = await opening;
      log.info('unlocked');
      return found;
    } finally {
      room.close();
    }
  }

  // IdentityNews

  async roots(pem: string): Promise<void> {
    if (pem === '' || pem === this.store.held.identity.rootsPem) return;
    try {
      this.publish(await this.store.useRoots(pem));
      this.parts.log.info('the cluster has new roots, and this node trusts them');
    } catch (error) {
      this.parts.log.warn({ err: error }, messageOf(error));
    }
  }

  node(node: Node): void {
    if (node.id === this.store.held.identity.nodeId) this.renewer.want(wantedOf(node));
  }

  managers(list: readonly KnownManager[]): void {
    void this.list.use(list);
  }

  dismissed(): void {
    this.dismissal.dismiss();
  }

  // KnownManagers

  others(): readonly KnownManager[] {
    return this.list.without(this.store.held.identity.nodeId);
  }

  founder(): boolean {
    return this.store.isFounder;
  }

  // DataKeys

  read(): DataKeySet {
    return this.store.dataKeys;
  }

  write(dataKeys: DataKeySet): Promise<void> {
    return this.store.changeKeyFile((file) => ({ ...file, dataKeys }));
  }

  // KeyLock

  async apply(version: bigint, kek: Uint8Array | undefined): Promise<void> {
    const next = { version, key: kek };
    await this.store.changeKeyFile((file) => {
      if (isSameKek(next, file.kek) || version < file.kek.version) return undefined;
      if (version > file.kek.version) return withKek(file, next);
      throw new SwarmError(
        'data-loss',
        'CA_KEK_VERSION',
        `the key that managers keep their keys under is another one than before in the same version ${version}`,
      );
    });
    this.tellKek();
  }

  /** Whether it was brought here or came with a new certificate. */
  private tellKek(): void {
    const { kek } = this.store;
    const before = this.toldKek;
    this.toldKek = kek;
    if (isSameKek(before, kek)) return;
    const isLocked = kek.key !== undefined;
    const { version } = kek;
    this.parts.log.info({ version, locked: isLocked }, 'the lock on the key file changed');
    this.parts.keysChanged.publish();
    if (before.key === undefined && isLocked) this.renewer.force('its key was kept without a lock');
  }

  private publish(held: Held): Held {
    this.tellKek();
    this.parts.identity.publish(held.identity);
    this.dismissal.renewed();
    return held;
  }
}
