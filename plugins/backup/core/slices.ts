/** The state as a serialized `StoreSnapshot` in slices: one after the other they are the whole message. */
import type { ObjectKind, Objects, View } from '@swarmkit/sdk/contracts/store';
import { objectKinds } from '@swarmkit/sdk/model/object-name';
import { StoreSnapshot } from '@swarmkit/sdk/wire/gen/swarmkit/snapshot';

/** 100 tasks of 700 bytes are encoded in less than a millisecond. */
const OBJECTS = 100;
/** Together they must fit into one message of the wire; one object alone is never over 1.5 MiB. */
const BYTES = 1024 * 1024;

const none = StoreSnapshot.create();

export function* slices(state: View): Generator<Uint8Array> {
  for (const kind of objectKinds) {
    const objects = state.find(kind, { by: 'all' });
    let bytes: Uint8Array[] = [];
    let size = 0;
    for (const [at, object] of objects.entries()) {
      const encoded = encode(kind, object);
      if (size > 0 && size + encoded.length > BYTES) {
        yield Buffer.concat(bytes);
        [bytes, size] = [[], 0];
      }
      bytes.push(encoded);
      size += encoded.length;
      if ((at + 1) % OBJECTS === 0 || at + 1 === objects.length) {
        yield Buffer.concat(bytes);
        [bytes, size] = [[], 0];
      }
    }
  }
}

const encode = (kind: ObjectKind, object: Objects[ObjectKind]): Uint8Array =>
  StoreSnapshot.encode({ ...none, [`${kind}s`]: [object] }).finish();
