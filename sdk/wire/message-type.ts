// The shape of every generated message type (`Service`, `Task`, `raftpb.Message`), for code that
// works on any of them. Generated files declare it each for themselves and do not export it.
import type { FastReader } from './fast-reader.js';
import type { FastWriter } from './fast-writer.js';

/** What `encode` and `decode` of a generated type are. `decode` throws WireError on bad bytes. */
export interface MessageType<T> {
  encode(message: T, writer?: FastWriter): FastWriter;
  decode(input: FastReader | Uint8Array, length?: number): T;
}
