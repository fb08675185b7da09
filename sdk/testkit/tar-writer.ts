/**
 * Writes tar archives (ustar) in memory, for images that tests build. Times and owners are zero, so
 * that the same entries give the same bytes.
 */
export interface TarEntry {
  /** Relative; a folder ends with `/`. At most 100 bytes. */
  readonly name: string;
  readonly mode: number;
  readonly data?: Uint8Array;
  /** A symbolic link to this target. */
  readonly link?: string;
  readonly uid?: number;
  readonly gid?: number;
}

const BLOCK = 512;

export function writeTar(entries: readonly TarEntry[]): Buffer {
  const parts: Uint8Array[] = [];
  for (const entry of entries) {
    const data = entry.data ?? new Uint8Array(0);
    parts.push(header(entry, data.length), data, new Uint8Array(padding(data.length)));
  }
  // Two zero blocks end an archive.
  parts.push(new Uint8Array(2 * BLOCK));
  return Buffer.concat(parts);
}

const padding = (size: number): number => (BLOCK - (size % BLOCK)) % BLOCK;

function header(entry: TarEntry, size: number): Buffer {
  const block = Buffer.alloc(BLOCK);
  if (Buffer.byteLength(entry.name) > 100) throw new Error(`tar: name is too long: ${entry.name}`);
  const octal = (value: number, at: number, width: number): void => {
    block.write(value.toString(8).padStart(width - 1, '0'), at);
  };
  block.write(entry.name, 0);
  octal(entry.mode, 100, 8);
  octal(entry.uid ?? 0, 108, 8);
  octal(entry.gid ?? 0, 116, 8);
  octal(size, 124, 12);
  octal(0, 136, 12);
  block.write(typeOf(entry), 156);
  block.write(entry.link ?? '', 157);
  block.write('ustar\u000000', 257);
  // The checksum is taken with its own field full of spaces.
  block.fill(' ', 148, 156);
  let sum = 0;
  for (const byte of block) sum += byte;
  block.write(`${sum.toString(8).padStart(6, '0')}\u0000 `, 148);
  return block;
}

const typeOf = (entry: TarEntry): string => {
  if (entry.link !== undefined) return '2';
  return entry.name.endsWith('/') ? '5' : '0';
};
