import type { Entry, StateMachine } from '../contracts/consensus.js';

/** A state machine for tests that writes down what it is given: its state is the list of non-empty entries. */
export class TapeMachine implements StateMachine {
  tape: string[] = [];
  /** Indexes of every `apply`, since this machine was made. */
  readonly applied: bigint[] = [];
  restoredAt: bigint | undefined;
  /** Runs inside `apply`. */
  onApply: (entry: Entry) => void = () => {};
  /** While set, snapshots are not finished before it resolves. */
  encoding: Promise<void> = Promise.resolve();

  apply(entry: Entry): void {
    this.onApply(entry);
    this.applied.push(entry.index);
    if (entry.data.length > 0) this.tape.push(Buffer.from(entry.data).toString());
  }

  async snapshot(): Promise<Uint8Array> {
    const pinned = JSON.stringify(this.tape);
    await this.encoding;
    return Buffer.from(pinned);
  }

  restore(storeSnapshot: Uint8Array, index: bigint): void {
    this.tape = JSON.parse(Buffer.from(storeSnapshot).toString()) as string[];
    this.restoredAt = index;
  }
}
