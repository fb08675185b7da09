/**
 * Signs for every node object that waits for it. Level-triggered: an id in `wanted` means "look at the
 * node again", so that nothing is lost when a write fails, an authority is away or the leader changes.
 */
import type { Commit, Store, Writer } from '@swarmkit/sdk/contracts/store';
import { delay, type Env } from '@swarmkit/sdk/plugin/env';
import { isSwarmError, messageOf } from '@swarmkit/sdk/plugin/errors';
import type { Logger } from '@swarmkit/sdk/plugin/plugin';
import type { Certificate, RootCA } from '@swarmkit/sdk/wire/gen/swarmkit/types';
import type { Cluster } from '@swarmkit/sdk/wire/gen/swarmkit/objects';
import { needsSignature, type Outcome, record } from '../core/signing.js';
import type { Signer } from './signer.js';

/** One commit's worth. */
const ROUND = 128;
/** Signatures at once: of use with an authority elsewhere, that takes its time. */
const WORKERS = 8;
/** The event loop is Raft's heartbeat: after so many ms it gets its turn. */
const SLICE_MS = 4;
const SLICE_SIGNATURES = 8;
const RETRY_MS = 10_000;
const REWRITE_MS = 1_000;

export interface SigningParts {
  readonly store: Store;
  readonly writer: Writer;
  readonly signer: Signer;
  readonly env: Env;
  readonly log: Logger;
  readonly signal: AbortSignal;
}

export class SigningLoop {
  private readonly wanted = new Set<string>();
  /** To be tried again when the timer that runs has run out. */
  private later = new Set<string>();
  private wake: () => void = () => undefined;
  private sinceYield = 0;
  private sliceBegan = 0;

  constructor(private readonly parts: SigningParts) {}

  onCommit({ changes }: Commit): void {
    for (const change of changes) {
      if (change.kind === 'cluster' && change.action !== 'remove') {
        // Another root may be able to sign what this one could not.
        if (change.object.rootCa !== change.old?.rootCa) this.everything();
      } else if (change.kind === 'node' && change.action !== 'remove') {
        if (needsSignature(change.object)) this.want(change.id);
      }
    }
  }

  async run(): Promise<void> {
    const { signal } = this.parts;
    signal.addEventListener('abort', () => this.wake(), { once: true });
    this.everything();
    while (!signal.aborted) {
      if (this.wanted.size === 0)
        await new Promise<void>((resolve) => {
          this.wake = resolve;
        });
      else await this.round();
    }
  }

  private everything(): void {
    for (const node of this.parts.store.view().find('node', { by: 'all' }))
      if (needsSignature(node)) this.want(node.id);
  }

  private want(id: string): void {
    this.wanted.add(id);
    this.wake();
  }

  private async round(): Promise<void> {
    const ids = [...this.wanted].slice(0, ROUND);
    for (const id of ids) this.wanted.delete(id);
    const outcomes: Outcome[] = [];
    const left = [...ids];
    const work = async (): Promise<void> => {
      for (let id = left.pop(); id !== undefined && !this.aborted; id = left.pop()) {
        const outcome = await this.sign(id);
        if (outcome !== undefined) outcomes.push(outcome);
      }
    };
    await Promise.all(Array.from({ length: WORKERS }, work));
    if (outcomes.length > 0 && !this.aborted) await this.write(outcomes);
  }

  /** What stood in the way may be gone by then. One line of log for all, and one timer. */
  private postpone(nodeId: string, error: unknown): void {
    const { env, log, signal } = this.parts;
    this.later.add(nodeId);
    if (this.later.size > 1) return;
    log.warn(
      { node: nodeId, err: error },
      'certificates cannot be signed now: trying again in 10 s',
    );
    void delay(env.clock, RETRY_MS, signal).then(() => {
      const due = this.later;
      this.later = new Set();
      for (const id of due) this.want(id);
    });
  }

  private get aborted(): boolean {
    return this.parts.signal.aborted;
  }

  private async sign(nodeId: string): Promise<Outcome | undefined> {
    await this.breathe();
    const { store, signer } = this.parts;
    const view = store.view();
    const node = view.get('node', nodeId);
    const [cluster] = view.find('cluster', { by: 'all' });
    const asked = node?.certificate;
    if (node === undefined || asked === undefined || !needsSignature(node)) return undefined;
    try {
      if (cluster?.rootCa === undefined) throw new Error('there is no cluster object yet');
      return { nodeId, asked, result: await this.signed(signer, asked, cluster, cluster.rootCa) };
    } catch (error) {
      if (this.aborted) return undefined;
      this.postpone(nodeId, error);
      return undefined;
    }
  }

  private async signed(
    signer: Signer,
    asked: Certificate,
    cluster: Cluster,
    rootCa: RootCA,
  ): Promise<Outcome['result']> {
    try {
      return { certificatePem: await signer.sign(asked, cluster, rootCa) };
    } catch (error) {
      // The request itself is no good: its sender is told, and nothing will change by trying again.
      if (!isSwarmError(error) || error.kind !== 'invalid-argument') throw error;
      this.parts.log.warn({ node: asked.cn, code: error.code }, messageOf(error));
      return { problem: messageOf(error) };
    }
  }

  private async write(outcomes: readonly Outcome[]): Promise<void> {
    const { store, writer, env, log, signal } = this.parts;
    try {
      await store.update(
        writer,
        (draft) => {
          for (const outcome of outcomes) record(draft, outcome);
        },
        { oversize: 'split' },
      );
    } catch (error) {
      if (!isSwarmError(error)) throw error;
      for (const { nodeId } of outcomes) this.wanted.add(nodeId);
      if (this.aborted) return;
      log.warn({ err: error }, 'signed certificates could not be written: trying again');
      await delay(env.clock, REWRITE_MS, signal);
    }
  }

  private async breathe(): Promise<void> {
    const now = this.parts.env.clock.monotonic();
    this.sinceYield += 1;
    if (this.sinceYield < SLICE_SIGNATURES && now - this.sliceBegan < SLICE_MS) return;
    await new Promise<void>((turned) => setImmediate(turned));
    this.sinceYield = 0;
    this.sliceBegan = this.parts.env.clock.monotonic();
  }
}
