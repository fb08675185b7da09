/** The callers that wait to learn up to where a linearizable read must have applied the log. */
import type { Cancel, Env } from '@swarmkit/sdk/plugin/env';
import type { Raft } from '../core/raft.js';
import type { ReadAnswer } from '../core/reads.js';
import { noReadIndex } from './raft-error.js';

/** Two election timeouts of ours, one of SwarmKit's: by then whoever waits should look again who leads. */
const ANSWER_MS = 10_000;
const CONTEXT_BYTES = 16;

interface Waiter {
  readonly resolve: (index: bigint) => void;
  readonly reject: (error: unknown) => void;
  readonly disarm: Cancel;
}

export class Reads {
  private readonly waiters = new Map<string, Waiter>();

  constructor(private readonly env: Env) {}

  ask(raft: Raft, wake: () => void): Promise<bigint> {
    // Random, because it must be another one in every life of this member.
    const context = Buffer.from(this.env.random.bytes(CONTEXT_BYTES));
    const refusal = raft.readIndex(context);
    if (refusal !== undefined) return Promise.reject(noReadIndex(refusal));
    wake();
    const key = context.toString('latin1');
    return new Promise((resolve, reject) => {
      const late = (): void => {
        this.waiters.delete(key);
        reject(noReadIndex('no majority of managers answered in time'));
      };
      const disarm = this.env.clock.after(ANSWER_MS, late);
      this.waiters.set(key, { resolve, reject, disarm });
    });
  }

  answered(answers: readonly ReadAnswer[]): void {
    for (const { context, index } of answers) {
      const key = context.toString('latin1');
      const waiter = this.waiters.get(key);
      this.waiters.delete(key);
      waiter?.disarm();
      if (index === undefined) waiter?.reject(noReadIndex('another manager has come to lead'));
      else waiter?.resolve(index);
    }
  }

  rejectAll(error: unknown): void {
    for (const { reject, disarm } of this.waiters.values()) {
      disarm();
      reject(error);
    }
    this.waiters.clear();
  }
}
