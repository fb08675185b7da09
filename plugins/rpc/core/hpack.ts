/**
 * HPACK (RFC 7541) for a server: decodes whatever a client sends, and writes headers that need no table,
 * because the few that gRPC answers with are always the same bytes.
 */

/** As they came: pseudo headers too, repeated ones each for itself. */
export type Header = readonly [name: string, value: string];

/** The block cannot be decoded; the tables of the two ends may differ from here on. */
export class HpackError extends Error {}

/** What a decoder has unless the other end was told otherwise. */
const TABLE_BYTES = 4_096;
/** What an entry counts beside its text, by the RFC. */
const ENTRY_BYTES = 32;

const STATIC: readonly Header[] = [
  [':authority', ''],
  [':method', 'GET'],
  [':method', 'POST'],
  [':path', '/'],
  [':path', '/index.html'],
  [':scheme', 'http'],
  [':scheme', 'https'],
  ...['200', '204', '206', '304', '400', '404', '500'].map((status): Header => [':status', status]),
  ['accept-charset', ''],
  ['accept-encoding', 'gzip, deflate'],
  ...(
    'accept-language accept-ranges accept access-control-allow-origin age allow authorization ' +
    'cache-control content-disposition content-encoding content-language content-length ' +
    'content-location content-range content-type cookie date etag expect expires from host if-match ' +
    'if-modified-since if-none-match if-range if-unmodified-since last-modified link location ' +
    'max-forwards proxy-authenticate proxy-authorization range referer refresh retry-after server ' +
    'set-cookie strict-transport-security transfer-encoding user-agent vary via www-authenticate'
  )
    .split(' ')
    .map((name): Header => [name, '']),
];

export class HpackDecoder {
  /** Newest last. */
  private readonly table: Header[] = [];
  private bytes = 0;
  private most = TABLE_BYTES;
  private at = 0;
  private block: Buffer = Buffer.alloc(0);

  /** `maxListBytes`: of all names and values of a block, each header counted with 32 more. */
  constructor(private readonly maxListBytes: number) {}

  /** Throws HpackError; then the connection is of no use any more. */
  decode(block: Buffer): readonly Header[] {
    this.block = block;
    this.at = 0;
    const headers: Header[] = [];
    let bytes = 0;
    while (this.at < block.length) {
      const first = block[this.at] as number;
      let header: Header;
      if (first & 0x80) {
        header = this.entry(this.integer(7));
      } else if (first & 0x40) {
        header = this.literal(6);
        this.add(header);
      } else if (first & 0x20) {
        if (headers.length > 0) throw new HpackError('a table size behind a header');
        this.resize(this.integer(5));
        continue;
      } else {
        header = this.literal(4);
      }
      bytes += sizeOf(header);
      if (bytes > this.maxListBytes) throw new HpackError('too many headers');
      headers.push(header);
    }
    return headers;
  }

  private literal(prefix: number): Header {
    const index = this.integer(prefix);
    const name = index === 0 ? this.text() : this.entry(index)[0];
    return [name, this.text()];
  }

  private entry(index: number): Header {
    const header =
      index <= STATIC.length
        ? STATIC[index - 1]
        : this.table[this.table.length - (index - STATIC.length)];
    if (header === undefined) throw new HpackError('an index without an entry');
    return header;
  }

  private add(header: Header): void {
    this.table.push(header);
    this.bytes += sizeOf(header);
    this.evict();
  }

  private resize(bytes: number): void {
    if (bytes > TABLE_BYTES) throw new HpackError('a table larger than allowed');
    this.most = bytes;
    this.evict();
  }

  private evict(): void {
    while (this.bytes > this.most) this.bytes -= sizeOf(this.table.shift() as Header);
  }

  private integer(prefix: number): number {
    const mask = (1 << prefix) - 1;
    let value = this.byte() & mask;
    if (value < mask) return value;
    // Four more bytes are more than anything here may be.
    for (let shift = 0; shift <= 21; shift += 7) {
      const next = this.byte();
      value += (next & 0x7f) << shift;
      if ((next & 0x80) === 0) return value;
    }
    throw new HpackError('an integer that is too large');
  }

  private text(): string {
    const isHuffman = ((this.block[this.at] ?? 0) & 0x80) !== 0;
    const length = this.integer(7);
    const end = this.at + length;
    if (end > this.block.length) throw new HpackError('a text that goes beyond its block');
    const text = isHuffman
      ? huffmanText(this.block, this.at, end)
      : this.block.toString('latin1', this.at, end);
    this.at = end;
    return text;
  }

  private byte(): number {
    const byte = this.block[this.at++];
    if (byte === undefined) throw new HpackError('a block that ends too early');
    return byte;
  }
}

const sizeOf = ([name, value]: Header): number => name.length + value.length + ENTRY_BYTES;

/**
 * Bits of the code of each byte, and of the end mark, by letter: `a` is 5. The codes follow from that, as
 * those of one length count up with the bytes (RFC 7541, appendix B).
 */
const CODE_BITS =
  'isxxxxxxxtzxxzxxxxxxxxzxxxxxxxxxbffhibdgffdgdbbbaaabbbbbbbcdkbhf' +
  'ibccccccccccccccccccccccdcdioijbkabababbbaccbbbabcbaabccccckgjix' +
  'prpprrrsrssssststtrstssssqrsrsstrqprrssqsrrtqrssqqrqsrssprrrsrrs' +
  'vvporsruvvvwwvtuoqvwwvwtqqvvxwwwptpqrqqsrruuttvsvwvvwwwwwxwwwwwv' +
  'z';

const END_MARK = 256;
/** Two places a node: where bit 0 and bit 1 lead. Below 0: the byte is `~`it. */
const TREE = codeTree();

function codeTree(): Int16Array {
  const symbols = Array.from(CODE_BITS, (letter, symbol) => ({
    symbol,
    bits: letter.charCodeAt(0) - 'a'.charCodeAt(0) + 5,
  })).sort((a, b) => a.bits - b.bits || a.symbol - b.symbol);
  const tree = new Int16Array(2 * symbols.length);
  let nodes = 1;
  let code = 0;
  let length = 0;
  for (const { symbol, bits } of symbols) {
    // Multiplied, as codes of 30 bits leave no room for a shift more.
    code *= 2 ** (bits - length);
    length = bits;
    let node = 0;
    for (let bit = bits - 1; bit >= 0; bit--) {
      const place = 2 * node + (Math.floor(code / 2 ** bit) % 2);
      if (bit === 0) tree[place] = ~symbol;
      else {
        if (tree[place] === 0) tree[place] = nodes++;
        node = tree[place] as number;
      }
    }
    code++;
  }
  return tree;
}

function huffmanText(block: Buffer, from: number, to: number): string {
  const bytes: number[] = [];
  let node = 0;
  /** Bits since the last symbol, and whether all were 1: only that may be left over. */
  let open = 0;
  let allOnes = true;
  for (let at = from; at < to; at++) {
    const byte = block[at] as number;
    for (let bit = 7; bit >= 0; bit--) {
      const one = (byte >>> bit) & 1;
      node = TREE[2 * node + one] as number;
      open++;
      if (one === 0) allOnes = false;
      if (node >= 0) continue;
      if (~node === END_MARK) throw new HpackError('an end mark within a text');
      bytes.push(~node);
      node = 0;
      open = 0;
      allOnes = true;
    }
  }
  if (open > 7 || !allOnes) throw new HpackError('a text with a wrong end');
  return Buffer.from(bytes).toString('latin1');
}

/** A header as a literal that no table remembers. The name in small letters. */
export function literalHeader(name: string, value: string): Buffer {
  return Buffer.concat([Buffer.of(0), literalText(name), literalText(value)]);
}

/** `:status: 200`. */
export const STATUS_OK = Buffer.of(0x88);
/** Says that the decoder's table may be as small as it likes: we do not use it. */
export const NO_TABLE = Buffer.of(0x20);

function literalText(text: string): Buffer {
  const bytes = Buffer.from(text, 'latin1');
  const head: number[] = [];
  if (bytes.length < 0x7f) head.push(bytes.length);
  else {
    head.push(0x7f);
    let left = bytes.length - 0x7f;
    for (; left >= 0x80; left = Math.floor(left / 0x80)) head.push((left % 0x80) | 0x80);
    head.push(left);
  }
  return Buffer.concat([Buffer.from(head), bytes]);
}
