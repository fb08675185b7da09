/** Giving up on work, in one way for the whole shell. */
import { SwarmError } from '@swarmkit/sdk/plugin/errors';

/** The outcome, or the signal's abort; the work itself goes on. */
export function abortable<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const give = (): void => reject(cancelled());
    if (signal.aborted) {
      work.catch(() => {});
      give();
      return;
    }
    signal.addEventListener('abort', give, { once: true });
    work.then(resolve, reject).finally(() => signal.removeEventListener('abort', give));
  });
}

export const cancelled = (): SwarmError =>
  new SwarmError('cancelled', 'CONTAINERD_CANCELLED', 'the call was given up by its caller');

export function throwIfAborted(signal: AbortSignal): void {
  if (signal.aborted) throw cancelled();
}
