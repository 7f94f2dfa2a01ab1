/** Hash keys: 128 bits, as decimal text on the wire, and the MD5 that makes one of a partition key. */

export const HASH_KEY_END = 1n << 128n;

/** Where a hash key lies between 0 and 1. */
export function fraction(key: bigint | string): number {
  return Number((BigInt(key) * 1_000_000_000n) / HASH_KEY_END) / 1e9;
}

/** The first hash key of the upper half of a range. */
export function middle(start: string, end: string): string {
  return ((BigInt(start) + BigInt(end)) / 2n + 1n).toString();
}

/** The hash key of a partition key. */
export function hashKeyOf(partitionKey: string): bigint {
  return md5(new TextEncoder().encode(partitionKey)).reduce((key, byte) => (key << 8n) | BigInt(byte), 0n);
}

export interface HashRange {
  starting_hash_key: string;
  ending_hash_key: string;
}

export function holds(range: HashRange, key: bigint): boolean {
  return BigInt(range.starting_hash_key) <= key && key <= BigInt(range.ending_hash_key);
}

const SHIFTS = [[7, 12, 17, 22], [5, 9, 14, 20], [4, 11, 16, 23], [6, 10, 15, 21]];
const SINES = Array.from({ length: 64 }, (_, at) => Math.floor(Math.abs(Math.sin(at + 1)) * 2 ** 32));

/** RFC 1321; browsers have every digest but this one. */
export function md5(data: Uint8Array): Uint8Array {
  const padded = new Uint8Array((((data.length + 8) >> 6) + 1) << 6);
  padded.set(data);
  padded[data.length] = 0x80;
  const view = new DataView(padded.buffer);
  view.setUint32(padded.length - 8, (data.length << 3) >>> 0, true);
  view.setUint32(padded.length - 4, Math.floor(data.length / 2 ** 29), true);
  const state = [0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476];
  for (let block = 0; block < padded.length; block += 64) {
    let [a, b, c, d] = state as [number, number, number, number];
    for (let step = 0; step < 64; step += 1) {
      const round = step >> 4;
      const [mixed, word] = round === 0 ? [(b & c) | (~b & d), step]
        : round === 1 ? [(d & b) | (~d & c), (5 * step + 1) & 15]
        : round === 2 ? [b ^ c ^ d, (3 * step + 5) & 15]
        : [c ^ (b | ~d), (7 * step) & 15];
      const sum = (a + mixed + SINES[step]! + view.getUint32(block + word * 4, true)) | 0;
      const shift = SHIFTS[round]![step & 3]!;
      [a, d, c, b] = [d, c, b, (b + ((sum << shift) | (sum >>> (32 - shift)))) | 0];
    }
    [a, b, c, d].forEach((value, at) => { state[at] = (state[at]! + value) | 0; });
  }
  const digest = new DataView(new ArrayBuffer(16));
  state.forEach((value, at) => digest.setInt32(at * 4, value, true));
  return new Uint8Array(digest.buffer);
}
