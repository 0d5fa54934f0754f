/*
 * MurmurHash3, x64, 128 bits, seed 0, as Guava's `Hashing.murmur3_128(0)` computes it (Flink's
 * operator ids). Not on the record path: BigInt arithmetic, for clarity.
 */

const MASK = 0xffffffffffffffffn;
const C1 = 0x87c37b91114253d5n;
const C2 = 0x4cf5ad432745937fn;

/** 16 bytes: both halves little-endian, low half first. */
export function murmur3_128(bytes: Uint8Array): Uint8Array {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let low = 0n;
  let high = 0n;
  const blocksEnd = bytes.length - (bytes.length % 16);
  for (let at = 0; at < blocksEnd; at += 16) {
    low ^= mixLow(view.getBigUint64(at, true));
    low = (((rotate(low, 27n) + high) & MASK) * 5n + 0x52dce729n) & MASK;
    high ^= mixHigh(view.getBigUint64(at + 8, true));
    high = (((rotate(high, 31n) + low) & MASK) * 5n + 0x38495ab5n) & MASK;
  }
  low ^= mixLow(tailOf(bytes, blocksEnd));
  high ^= mixHigh(tailOf(bytes, blocksEnd + 8));
  const length = BigInt(bytes.length);
  low ^= length;
  high ^= length;
  low = (low + high) & MASK;
  high = (high + low) & MASK;
  low = finish(low);
  high = finish(high);
  low = (low + high) & MASK;
  high = (high + low) & MASK;
  const digest = new Uint8Array(16);
  const digestView = new DataView(digest.buffer);
  digestView.setBigUint64(0, low, true);
  digestView.setBigUint64(8, high, true);
  return digest;
}

function tailOf(bytes: Uint8Array, start: number): bigint {
  let tail = 0n;
  for (let at = Math.min(start + 8, bytes.length) - 1; at >= start; at--) {
    tail = (tail << 8n) | BigInt(bytes[at]);
  }
  return tail;
}

function mixLow(block: bigint): bigint {
  return (rotate((block * C1) & MASK, 31n) * C2) & MASK;
}

function mixHigh(block: bigint): bigint {
  return (rotate((block * C2) & MASK, 33n) * C1) & MASK;
}

function rotate(value: bigint, bits: bigint): bigint {
  return ((value << bits) | (value >> (64n - bits))) & MASK;
}

function finish(value: bigint): bigint {
  let hash = value;
  hash ^= hash >> 33n;
  hash = (hash * 0xff51afd7ed558ccdn) & MASK;
  hash ^= hash >> 33n;
  hash = (hash * 0xc4ceb9fe1a85ec53n) & MASK;
  return hash ^ (hash >> 33n);
}
