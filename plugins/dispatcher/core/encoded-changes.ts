import {
  AssignmentChange,
  AssignmentChange_AssignmentAction,
  type AssignmentsMessage,
} from '@swarmkit/sdk/wire/gen/swarmkit/dispatcher';
import { FastWriter } from '@swarmkit/sdk/wire/fast-writer';

/**
 * Puts changes into a message so that what many nodes are told is encoded once: a secret or config of a
 * service that runs everywhere. The bytes travel as a field that the encoder does not look into, so they
 * are copied and nothing else. Kept are the latest pieces up to a number of bytes, by the stored object,
 * which never changes in place.
 */
export class EncodedChanges {
  private readonly pieces = new Map<object, Uint8Array>();
  private bytes = 0;

  constructor(private readonly boundBytes = defaultBoundBytes) {}

  get heldBytes(): number {
    return this.bytes;
  }

  message(
    head: Pick<AssignmentsMessage, 'type' | 'appliesTo' | 'resultsIn'>,
    changes: readonly AssignmentChange[],
  ): AssignmentsMessage {
    if (!changes.some(isShared)) return { ...head, changes };
    // All of them, so that what a task needs still comes before it.
    const pieces = changes.map((change) =>
      isShared(change) ? this.shared(change) : encode(change),
    );
    return { ...head, changes: [], _unknownFields: { [changesTag]: pieces } };
  }

  private shared(change: AssignmentChange): Uint8Array {
    const object = change.assignment?.item?.value as object;
    const known = this.pieces.get(object);
    if (known !== undefined) {
      // Latest used last.
      this.pieces.delete(object);
      this.pieces.set(object, known);
      return known;
    }
    const encoded = encode(change);
    this.pieces.set(object, encoded);
    this.bytes += encoded.length;
    for (const [oldest, piece] of this.pieces) {
      if (this.bytes <= this.boundBytes) break;
      this.pieces.delete(oldest);
      this.bytes -= piece.length;
    }
    return encoded;
  }
}

/** With its length in front, as it stands in a message. */
const encode = (change: AssignmentChange): Uint8Array =>
  new FastWriter().bytes(AssignmentChange.encode(change).finish()).finish();

function isShared({ action, assignment }: AssignmentChange): boolean {
  const kind = assignment?.item?.$case;
  return (
    (kind === 'secret' || kind === 'config') && action === AssignmentChange_AssignmentAction.UPDATE
  );
}

/** Sixteen of the largest secrets. */
const defaultBoundBytes = 8 << 20;
/** `repeated AssignmentChange changes = 4`, length-delimited. */
const changesTag = (4 << 3) | 2;
