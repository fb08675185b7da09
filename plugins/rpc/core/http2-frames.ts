/** Frames of HTTP/2 (RFC 9113): their numbers, and how they lie in bytes. */

export const HEAD_BYTES = 9;
/** The largest number that a window may have. */
export const MAX_WINDOW = 2 ** 31 - 1;

export const Type = {
  Data: 0,
  Headers: 1,
  Priority: 2,
  RstStream: 3,
  Settings: 4,
  PushPromise: 5,
  Ping: 6,
  GoAway: 7,
  WindowUpdate: 8,
  Continuation: 9,
} as const;

/** Flags of different frames share numbers. */
export const Flag = {
  EndStream: 0x1,
  Ack: 0x1,
  EndHeaders: 0x4,
  Padded: 0x8,
  Priority: 0x20,
} as const;

export const Setting = {
  HeaderTableSize: 1,
  MaxConcurrentStreams: 3,
  InitialWindowSize: 4,
  MaxFrameSize: 5,
  MaxHeaderListSize: 6,
} as const;

/** Of RST_STREAM and GOAWAY. */
export const Code = {
  None: 0,
  Protocol: 1,
  FlowControl: 3,
  StreamClosed: 5,
  FrameSize: 6,
  RefusedStream: 7,
  Compression: 9,
  EnhanceYourCalm: 11,
} as const;

/** The other end broke the protocol: told by GOAWAY, then the connection is closed. */
export class ProtocolError extends Error {
  constructor(
    readonly code: number,
    text: string,
  ) {
    super(text);
  }
}

/** Without the padding, which has its length in front. */
export function unpadded(flags: number, payload: Buffer): Buffer {
  if ((flags & Flag.Padded) === 0) return payload;
  const padding = payload[0];
  if (padding === undefined || padding >= payload.length)
    throw new ProtocolError(Code.Protocol, 'more padding than frame');
  return payload.subarray(1, payload.length - padding);
}

export function frame(type: number, flags: number, id: number, payload: Buffer): Buffer {
  const bytes = Buffer.allocUnsafe(HEAD_BYTES + payload.length);
  putFrame(bytes, 0, type, flags, id, payload);
  return bytes;
}

/** A block of headers: in as many frames as it takes. `flags`: without that of the end of the headers. */
export function headerFrames(flags: number, id: number, block: Buffer, limit: number): Buffer {
  if (block.length <= limit) return frame(Type.Headers, flags | Flag.EndHeaders, id, block);
  const frames = [frame(Type.Headers, flags, id, block.subarray(0, limit))];
  for (let at = limit; at < block.length; at += limit) {
    const last = at + limit >= block.length ? Flag.EndHeaders : 0;
    frames.push(frame(Type.Continuation, last, id, block.subarray(at, at + limit)));
  }
  return Buffer.concat(frames);
}

/** Answers where it ends. */
export function putFrame(
  bytes: Buffer,
  at: number,
  type: number,
  flags: number,
  id: number,
  payload: Buffer,
): number {
  const { length } = payload;
  bytes[at] = length >>> 16;
  bytes[at + 1] = length >>> 8;
  bytes[at + 2] = length;
  bytes[at + 3] = type;
  bytes[at + 4] = flags;
  bytes.writeUInt32BE(id, at + 5);
  bytes.set(payload, at + HEAD_BYTES);
  return at + HEAD_BYTES + length;
}

export function uint32(value: number): Buffer {
  const bytes = Buffer.allocUnsafe(4);
  bytes.writeUInt32BE(value);
  return bytes;
}

export function settings(pairs: readonly (readonly [number, number])[]): Buffer {
  const bytes = Buffer.allocUnsafe(6 * pairs.length);
  pairs.forEach(([name, value], i) => {
    bytes.writeUInt16BE(name, 6 * i);
    bytes.writeUInt32BE(value, 6 * i + 2);
  });
  return bytes;
}
