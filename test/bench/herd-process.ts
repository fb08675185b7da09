import { type ChildProcess, fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { Cleanup } from '../harness/cleanup.js';
import type { HerdOrder } from './herd.js';
import type { Counts } from './light-agent.js';

/** Agents in processes of their own, so that what they cost is not the manager's. */
export class Herd {
  private readonly children: ChildProcess[] = [];
  private readonly counts: Counts[] = [];

  constructor(processes: number, cleanup: Cleanup) {
    for (let i = 0; i < processes; i++) {
      const child = fork(fileURLToPath(new URL('./herd.js', import.meta.url)), {
        stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
      });
      child.on('message', (counts: Counts) => {
        this.counts[i] = counts;
      });
      this.children.push(child);
      const ended = new Promise((resolve) => child.once('exit', resolve));
      cleanup.add('herd of agents', async () => {
        child.kill('SIGKILL');
        await ended;
      });
    }
  }

  join(count: number, address: string, token: string, name = 'light'): void {
    const share = count / this.children.length;
    for (const [i, child] of this.children.entries())
      child.send({
        do: 'join',
        count: share,
        address,
        token,
        name: `${name}-${i}`,
      } satisfies HerdOrder);
  }

  renew(): void {
    for (const child of this.children) child.send({ do: 'renew' } satisfies HerdOrder);
  }

  /** Of all processes together. */
  get sum(): Counts {
    const sum: Counts = {
      ready: 0,
      rejected: 0,
      lost: 0,
      reopened: 0,
      renewed: 0,
      tasks: 0,
      errors: {},
    };
    for (const counts of this.counts) {
      for (const key of ['ready', 'rejected', 'lost', 'reopened', 'renewed', 'tasks'] as const)
        sum[key] += counts[key];
      for (const [text, times] of Object.entries(counts.errors))
        sum.errors[text] = (sum.errors[text] ?? 0) + times;
    }
    return sum;
  }
}
