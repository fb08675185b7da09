/**
 * The engine's log stream of a container without a terminal, asked for with timestamps: one frame a
 * message, `[stream, 0, 0, 0, length as u32][timestamp, space, bytes]`. Keeps the place up to which
 * messages were seen, so that a second reading goes on exactly there.
 */

export interface LogMessage {
  readonly stream: 'stdout' | 'stderr';
  readonly bytes: Uint8Array;
}

const HEADER_BYTES = 8;
const STDERR = 2;
const SPACE = 0x20;

export class LogFrames {
  private rest: Uint8Array = new Uint8Array(0);
  /** The latest stamp seen, as seconds. The two streams are stamped side by side and may be out of order by a hair. */
  private latest = '';
  /** Messages seen that bear it: the engine's clock may stamp several alike. */
  private seenThen = 0;
  /** How many of them the second reading has shown again; undefined in the first one. */
  private repeated: number | undefined;

  /** The `since` of a reading that goes on here, seconds with nanoseconds; undefined before the first message. */
  get place(): string | undefined {
    return this.latest === '' ? undefined : this.latest;
  }

  /** To be called before the bytes of another reading, which begins at `place`. */
  again(): void {
    this.rest = new Uint8Array(0);
    this.repeated = 0;
  }

  /** The messages that are complete with these bytes and were not seen before. */
  push(bytes: Uint8Array): readonly LogMessage[] {
    const all = this.rest.length === 0 ? bytes : joined(this.rest, bytes);
    const view = new DataView(all.buffer, all.byteOffset, all.length);
    const messages: LogMessage[] = [];
    let at = 0;
    while (all.length - at >= HEADER_BYTES) {
      const end = at + HEADER_BYTES + view.getUint32(at + 4);
      if (end > all.length) break;
      const stream = all[at] === STDERR ? 'stderr' : 'stdout';
      const message = this.message(stream, all.subarray(at + HEADER_BYTES, end));
      if (message !== undefined) messages.push(message);
      at = end;
    }
    this.rest = all.slice(at);
    return messages;
  }

  private message(stream: LogMessage['stream'], payload: Uint8Array): LogMessage | undefined {
    const space = payload.indexOf(SPACE);
    const at = toSeconds(String.fromCharCode(...payload.subarray(0, Math.max(space, 0))));
    if (at === this.latest) {
      if (this.repeated !== undefined && this.repeated < this.seenThen) {
        this.repeated += 1;
        return undefined;
      }
      this.seenThen += 1;
      if (this.repeated !== undefined) this.repeated += 1;
    } else if (at > this.latest) {
      this.latest = at;
      this.seenThen = 1;
      this.repeated = this.repeated === undefined ? undefined : 1;
    }
    return { stream, bytes: payload.subarray(space + 1) };
  }
}

/** `2026-01-02T03:04:05.678901234Z` -> `1767323045.678901234`. */
function toSeconds(stamp: string): string {
  const [, whole = '', fraction = '0'] = /^([^.]+?)(?:\.(\d+))?Z$/.exec(stamp) ?? [];
  const seconds = Math.floor(Date.parse(`${whole}Z`) / 1000);
  return `${Number.isFinite(seconds) ? seconds : 0}.${fraction.padEnd(9, '0')}`;
}

function joined(first: Uint8Array, second: Uint8Array): Uint8Array {
  const whole = new Uint8Array(first.length + second.length);
  whole.set(first);
  whole.set(second, first.length);
  return whole;
}
