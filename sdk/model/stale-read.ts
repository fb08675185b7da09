/**
 * Reads of the Control API by choice from whichever manager is asked, without a word to the others:
 * `swarmkit-read: stale` in a call's metadata. The answer is a state that was true once, maybe some time
 * ago; never half a write. Without it a read sees every write that was acknowledged before it.
 */
const READ_KEY = 'swarmkit-read';
const CONTROL_READS = /^\/docker\.swarmkit\.v1\.Control\/(?:Get|List)\w*$/;

/** Metadata of a call that asks so. */
export const staleRead: Readonly<Record<string, string>> = { [READ_KEY]: 'stale' };

/** Any other word than `stale` is a read like all others. */
export const isStaleRead = (call: {
  readonly path: string;
  readonly metadata: ReadonlyMap<string, string>;
}): boolean => CONTROL_READS.test(call.path) && call.metadata.get(READ_KEY) === 'stale';
