/** PEM as SwarmKit writes it, with the headers that it keeps on the key block. */
export interface PemBlock {
  readonly type: string;
  readonly headers: ReadonlyMap<string, string>;
  readonly der: Buffer;
}

const BLOCK = /-----BEGIN ([A-Z0-9 ]+)-----\r?\n([\s\S]*?)-----END \1-----/g;

/** Every block of a text, in order. Text between blocks is passed over, as everyone's readers do. */
export function readPem(text: string): readonly PemBlock[] {
  return [...text.matchAll(BLOCK)].map(([, type = '', body = '']) => {
    const headers = new Map<string, string>();
    const lines = body.split(/\r?\n/);
    let line = lines[0];
    while (line?.includes(':')) {
      const colon = line.indexOf(':');
      headers.set(line.slice(0, colon).trim(), line.slice(colon + 1).trim());
      lines.shift();
      line = lines[0];
    }
    return { type, headers, der: Buffer.from(lines.join(''), 'base64') };
  });
}

export function writePem(
  type: string,
  der: Uint8Array,
  headers: ReadonlyMap<string, string> = new Map(),
): string {
  const head = [...headers].map(([key, value]) => `${key}: ${value}\n`).join('');
  const body = Buffer.from(der)
    .toString('base64')
    .replace(/.{1,64}/g, '$&\n');
  return `-----BEGIN ${type}-----\n${head === '' ? '' : `${head}\n`}${body}-----END ${type}-----\n`;
}
