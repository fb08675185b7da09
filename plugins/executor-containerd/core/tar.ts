/** Reads tar archives (ustar, with GNU and pax long names) that fit in memory. */
import { SwarmError } from '@swarmkit/sdk/plugin/errors';

export interface TarFile {
  readonly name: string;
  /** A view into the archive, not a copy. */
  readonly data: Uint8Array;
}

const BLOCK = 512;

/** Regular files only; folders and links are skipped. */
export function readTar(archive: Uint8Array): TarFile[] {
  const files: TarFile[] = [];
  let longName: string | undefined;
  let at = 0;
  while (at + BLOCK <= archive.length) {
    const header = archive.subarray(at, at + BLOCK);
    if (header.every((byte) => byte === 0)) break;
    const size = octal(header.subarray(124, 136));
    const end = at + BLOCK + size;
    if (end > archive.length) throw broken('it ends in the middle of a file');
    const data = archive.subarray(at + BLOCK, end);
    const type = String.fromCharCode(header[156] ?? 0);
    if (type === 'L') longName = text(data);
    else if (type === 'x') longName = paxPath(data) ?? longName;
    else {
      if (type === '0' || type === '\0') files.push({ name: longName ?? nameOf(header), data });
      longName = undefined;
    }
    at = end + ((BLOCK - (size % BLOCK)) % BLOCK);
  }
  return files;
}

function nameOf(header: Uint8Array): string {
  const name = text(header.subarray(0, 100));
  const isUstar = text(header.subarray(257, 262)) === 'ustar';
  const prefix = isUstar ? text(header.subarray(345, 500)) : '';
  return prefix === '' ? name : `${prefix}/${name}`;
}

/** A pax record is `<length> <key>=<value>\n`, the length counting itself. */
function paxPath(data: Uint8Array): string | undefined {
  for (const line of new TextDecoder().decode(data).split('\n')) {
    const match = /^\d+ path=(.*)$/.exec(line);
    if (match !== null) return match[1];
  }
  return undefined;
}

function octal(field: Uint8Array): number {
  const value = Number.parseInt(text(field).trim() || '0', 8);
  if (!Number.isSafeInteger(value)) throw broken('a size is not a number');
  return value;
}

function text(field: Uint8Array): string {
  const end = field.indexOf(0);
  return new TextDecoder().decode(end < 0 ? field : field.subarray(0, end));
}

const broken = (why: string): SwarmError =>
  new SwarmError('invalid-argument', 'CONTAINERD_ARCHIVE', `this is not a tar archive: ${why}`);
