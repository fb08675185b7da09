/** CRC-32C (Castagnoli), the checksum of RocksDB's log. Eight bytes a step, about 1 GB/s in V8. */
const TABLES = makeTables();

export function crc32c(bytes: Uint8Array, from: number, to: number): number {
  const [t0, t1, t2, t3, t4, t5, t6, t7] = TABLES as [
    Uint32Array,
    Uint32Array,
    Uint32Array,
    Uint32Array,
    Uint32Array,
    Uint32Array,
    Uint32Array,
    Uint32Array,
  ];
  const at = (table: Uint32Array, index: number): number => table[index & 255] as number;
  const byte = (index: number): number => bytes[index] as number;
  let crc = 0xffffffff;
  let i = from;
  for (; i + 8 <= to; i += 8) {
    crc ^= byte(i) | (byte(i + 1) << 8) | (byte(i + 2) << 16) | (byte(i + 3) << 24);
    crc =
      at(t7, crc) ^
      at(t6, crc >>> 8) ^
      at(t5, crc >>> 16) ^
      at(t4, crc >>> 24) ^
      at(t3, byte(i + 4)) ^
      at(t2, byte(i + 5)) ^
      at(t1, byte(i + 6)) ^
      at(t0, byte(i + 7));
  }
  for (; i < to; i++) crc = at(t0, crc ^ byte(i)) ^ (crc >>> 8);
  return (crc ^ 0xffffffff) >>> 0;
}

function makeTables(): readonly Uint32Array[] {
  const tables = Array.from({ length: 8 }, () => new Uint32Array(256));
  for (let i = 0; i < 256; i++) {
    let crc = i;
    for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0x82f63b78 : crc >>> 1;
    (tables[0] as Uint32Array)[i] = crc;
  }
  for (let t = 1; t < 8; t++)
    for (let i = 0; i < 256; i++) {
      const before = (tables[t - 1] as Uint32Array)[i] as number;
      (tables[t] as Uint32Array)[i] =
        ((tables[0] as Uint32Array)[before & 255] as number) ^ (before >>> 8);
    }
  return tables;
}
