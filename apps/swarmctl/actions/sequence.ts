import { messageOf } from '@swarmkit/sdk/plugin/errors';

/** SwarmKit's text; it has no status of its own on the wire. */
const conflict = 'update out of sequence';
const attempts = 5;

/**
 * Reads, changes and writes again where somebody else wrote in between: what a command changes is said
 * relative to what is there, and of a node even its heartbeat is a write.
 */
export async function retryOutOfSequence<T>(change: () => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await change();
    } catch (error) {
      if (!messageOf(error).includes(conflict) || attempt === attempts) throw error;
    }
  }
}
