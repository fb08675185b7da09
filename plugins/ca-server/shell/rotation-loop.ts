/** Drives a root rotation while there is one. Level-triggered: everything that it knows is in the store. */
import type { CertificateAuthority } from '@swarmkit/sdk/contracts/certificate-authority';
import type { Commit, Store, Writer } from '@swarmkit/sdk/contracts/store';
import type { Env } from '@swarmkit/sdk/plugin/env';
import { isSwarmError } from '@swarmkit/sdk/plugin/errors';
import type { Logger } from '@swarmkit/sdk/plugin/plugin';
import type { Cluster } from '@swarmkit/sdk/wire/gen/swarmkit/objects';
import type { RootRotation } from '@swarmkit/sdk/wire/gen/swarmkit/types';
import {
  askToRenew,
  BATCH_MS,
  finish,
  type Issuer,
  remaining,
  rotationOf,
} from '../core/rotation.js';

/** Nodes move in crowds; each look goes through all of them. */
const LOOK_MS = 250;

export interface RotationParts {
  readonly store: Store;
  readonly writer: Writer;
  readonly authority: CertificateAuthority;
  readonly env: Env;
  readonly log: Logger;
  readonly signal: AbortSignal;
}

export class RotationLoop {
  private news = true;
  private wake: () => void = () => undefined;
  private nextBatchAt = 0;
  private known: { readonly caCert: Buffer; readonly issuer: Issuer } | undefined;

  constructor(private readonly parts: RotationParts) {}

  onCommit({ changes }: Commit): void {
    if (!changes.some(({ kind }) => kind === 'cluster' || kind === 'node')) return;
    this.news = true;
    this.wake();
  }

  async run(): Promise<void> {
    const { signal } = this.parts;
    signal.addEventListener('abort', () => this.wake(), { once: true });
    while (!signal.aborted) {
      this.news = false;
      const cluster = this.cluster();
      const rotation = rotationOf(cluster);
      if (cluster === undefined || rotation === undefined) {
        await this.waitForNews();
        continue;
      }
      try {
        await this.step(cluster, rotation);
      } catch (error) {
        if (!isSwarmError(error)) throw error;
        if (!signal.aborted)
          this.parts.log.warn({ err: error }, 'the root rotation is held up: trying again');
        await this.pause(BATCH_MS);
        continue;
      }
      await this.pause(LOOK_MS);
      if (!this.news) await this.waitForNews(this.nextBatchAt - this.now());
    }
  }

  private async step(cluster: Cluster, rotation: RootRotation): Promise<void> {
    const { store, writer, log } = this.parts;
    const issuer = this.issuerOf(rotation);
    const now = this.now();
    const { left, ask } = remaining(store.view(), rotation, issuer, now);
    if (left === 0) {
      await this.finish(cluster, rotation, issuer);
      return;
    }
    if (now < this.nextBatchAt) return;
    this.nextBatchAt = now + BATCH_MS;
    if (ask.length === 0) return;
    log.info({ asked: ask.length, left }, 'nodes are asked to move to the new root certificate');
    await store.update(writer, (draft) => askToRenew(draft, ask), { oversize: 'split' });
  }

  private async finish(seen: Cluster, rotation: RootRotation, issuer: Issuer): Promise<void> {
    const { store, writer, authority, log } = this.parts;
    const done = await store.update(writer, (draft) => {
      const cluster = draft.get('cluster', seen.id);
      // Something in flight may have changed it, or brought a node.
      if (cluster === undefined || !rotationOf(cluster)?.caCert.equals(rotation.caCert))
        return false;
      if (remaining(draft, rotation, issuer, 0).left > 0) return false;
      const tokens = authority.tokensFor(rotation.caCert.toString('latin1'), cluster.fips);
      finish(draft, cluster, tokens);
      return true;
    });
    if (done) log.info('every node has moved: the new root certificate is in force');
  }

  private issuerOf({ caCert }: RootRotation): Issuer {
    if (this.known?.caCert.equals(caCert) !== true) {
      const issuer = this.parts.authority.inspectRoot(caCert.toString('latin1'));
      this.known = { caCert, issuer };
      this.nextBatchAt = 0;
    }
    return this.known.issuer;
  }

  private cluster(): Cluster | undefined {
    return this.parts.store.view().find('cluster', { by: 'all' })[0];
  }

  private now(): number {
    return this.parts.env.clock.now();
  }

  private pause(ms: number): Promise<void> {
    return this.until(ms, false);
  }

  private waitForNews(ms?: number): Promise<void> {
    return this.news ? Promise.resolve() : this.until(ms, true);
  }

  private until(ms: number | undefined, orNews: boolean): Promise<void> {
    const { env, signal } = this.parts;
    return new Promise((resolve) => {
      const done = (): void => {
        cancel?.();
        this.wake = () => undefined;
        resolve();
      };
      const cancel = ms === undefined ? undefined : env.clock.after(ms, done);
      this.wake = () => {
        if (orNews || signal.aborted) done();
      };
      if (signal.aborted) done();
    });
  }
}
