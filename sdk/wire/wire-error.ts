// The one error of the codec: bytes that are no message, or a value that no field can hold.
// Bytes come from peers, so this is an expected failure: boundaries translate it (invalid
// argument), they never let it stop the node.

export class WireError extends Error {
  override readonly name = 'WireError';
}
