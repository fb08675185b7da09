/**
 * One kept line: `2026-01-31T12:00:00.123000000Z stdout F text`, the form of the Kubernetes container
 * log. `P` marks a part of a line that was too long to keep in one piece.
 */

export interface StoredLine {
  /** Wall clock, ms. */
  readonly at: number;
  readonly stream: 'stdout' | 'stderr';
  readonly text: Uint8Array;
}

/** Longer lines are cut into parts. */
const maxLineBytes = 16 * 1024;

const newline = 10;
const space = 32;

export function formatLine(line: StoredLine, partial = false): Buffer {
  const head = Buffer.from(`${timeOf(line.at)} ${line.stream} ${partial ? 'P' : 'F'} `);
  return Buffer.concat([head, line.text, Buffer.of(newline)]);
}

/** The line without its newline; undefined for what is no such line (a torn write). */
export function parseLine(bytes: Uint8Array): StoredLine | undefined {
  const first = bytes.indexOf(space);
  const second = bytes.indexOf(space, first + 1);
  const third = bytes.indexOf(space, second + 1);
  if (first < 0 || second < 0 || third !== second + 2) return undefined;
  const word = (from: number, to: number): string =>
    Buffer.from(bytes.subarray(from, to)).toString('latin1');
  const at = Date.parse(word(0, first));
  const stream = word(first + 1, second);
  if (Number.isNaN(at) || (stream !== 'stdout' && stream !== 'stderr')) return undefined;
  return { at, stream, text: bytes.subarray(third + 1) };
}

const timeOf = (at: number): string => new Date(at).toISOString().replace('Z', '000000Z');

/** Cuts raw output into lines. A `\r` before the newline stays: it belongs to the program. */
export class LineCutter {
  private rest: Buffer = Buffer.alloc(0);

  /** Whole lines, and parts of a line that is too long. */
  push(bytes: Uint8Array): readonly { readonly text: Uint8Array; readonly partial: boolean }[] {
    const found: { readonly text: Uint8Array; readonly partial: boolean }[] = [];
    let pending = this.rest.length === 0 ? Buffer.from(bytes) : Buffer.concat([this.rest, bytes]);
    for (;;) {
      const end = pending.indexOf(newline);
      if (end >= 0 && end <= maxLineBytes) {
        found.push({ text: pending.subarray(0, end), partial: false });
        pending = pending.subarray(end + 1);
      } else if (pending.length > maxLineBytes) {
        found.push({ text: pending.subarray(0, maxLineBytes), partial: true });
        pending = pending.subarray(maxLineBytes);
      } else break;
    }
    // A copy, so that a short rest does not hold a large buffer.
    this.rest = Buffer.from(pending);
    return found;
  }

  /** The last line when it has no newline. */
  flush(): Uint8Array | undefined {
    const { rest } = this;
    this.rest = Buffer.alloc(0);
    return rest.length > 0 ? rest : undefined;
  }
}
