/**
 * Calls of secret drivers, for all nodes together: a few at a time, each within its time, so that a vault
 * that hangs holds up the tasks that need it and nobody else.
 */
import type {
  SecretDriver,
  SecretRequest,
  SecretValue,
} from '@swarmkit/sdk/contracts/secret-driver';
import { SwarmError } from '@swarmkit/sdk/plugin/errors';
import type { Clock } from '@swarmkit/sdk/plugin/env';

const timeoutMs = 10_000;
const atOnce = 16;

export class DriverCalls {
  private readonly waiting: (() => void)[] = [];
  private running = 0;
  /** What it breaks off from then on says nothing of the driver. */
  isStopped = false;
  /** Those that are asked now. Not combined with a signal that lives on: Node 20 keeps a trace of each there. */
  private readonly calls = new Set<AbortController>();

  /** `drivers` is asked at each call: they start when they start. */
  constructor(
    private readonly clock: Clock,
    private readonly drivers: () => readonly SecretDriver[],
  ) {}

  stop(): void {
    this.isStopped = true;
    for (const call of this.calls) call.abort();
    this.running += this.waiting.length;
    for (const go of this.waiting.splice(0)) go();
  }

  async value(request: SecretRequest): Promise<SecretValue> {
    // Who waited is given the place of one that has ended, so that nobody comes in between.
    if (this.running >= atOnce) await new Promise<void>((go) => this.waiting.push(go));
    else this.running += 1;
    try {
      return await this.inTime(request);
    } finally {
      const next = this.waiting.shift();
      if (next === undefined) this.running -= 1;
      else next();
    }
  }

  private async inTime(request: SecretRequest): Promise<SecretValue> {
    if (this.isStopped)
      throw new SwarmError('aborted', 'DISPATCHER_STOPPED', 'dispatcher is stopped');
    const call = new AbortController();
    this.calls.add(call);
    const { signal } = call;
    // A driver that does not listen to its signal is not waited for either.
    const given = new Promise<never>((_, reject) => {
      signal.addEventListener('abort', () => reject(tooSlow(request.driver)), { once: true });
    });
    const cancel = this.clock.after(timeoutMs, () => call.abort());
    try {
      return await Promise.race([this.ask(request, signal), given]);
    } finally {
      cancel();
      this.calls.delete(call);
    }
  }

  private async ask(request: SecretRequest, signal: AbortSignal): Promise<SecretValue> {
    const inOrder = [...this.drivers()].sort((a, b) => (a.id < b.id ? -1 : 1));
    for (const driver of inOrder)
      if (await driver.has(request.driver)) return driver.get(request, signal);
    // SwarmKit's text.
    throw new SwarmError(
      'not-found',
      'DISPATCHER_NO_DRIVER',
      `plugin "${request.driver}" not found`,
    );
  }
}

const tooSlow = (driver: string): SwarmError =>
  new SwarmError(
    'deadline-exceeded',
    'DISPATCHER_DRIVER_SLOW',
    `secret driver ${driver} did not answer within ${timeoutMs / 1000} s`,
  );
