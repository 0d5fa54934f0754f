/*
 * Java's `hashCode` of the values that may be keys, bit for bit. They decide in which key group a
 * key lives, so they can never change. Test vectors made with a JVM: `vectors/`.
 *
 * Source: java.lang.{Boolean,Integer,Long,Double,String}.hashCode, java.util.Arrays.hashCode.
 * The rule for composite keys: `docs/semantics/types.md`.
 */

const SCRATCH_FLOAT = new Float64Array(1);
const SCRATCH_WORDS = new Int32Array(SCRATCH_FLOAT.buffer);
const TWO_32 = 4294967296;

/** `Boolean.hashCode`. */
export function hashOfBoolean(value: boolean): number {
  return value ? 1231 : 1237;
}

/** `Long.hashCode` of an integer in the safe range. */
export function hashOfLong(value: number): number {
  const low = value | 0;
  return low ^ (Math.floor(value / TWO_32) | 0);
}

const LONG_SCRATCH = new BigInt64Array(1);
const LONG_WORDS = new Int32Array(LONG_SCRATCH.buffer);

/** `Long.hashCode` of a bigint in [-2^63, 2^63). */
export function hashOfBigint(value: bigint): number {
  LONG_SCRATCH[0] = value;
  return LONG_WORDS[0] ^ LONG_WORDS[1];
}

/** `Double.hashCode`: all NaN are one, -0 is not 0. */
export function hashOfDouble(value: number): number {
  if (value !== value) return 0x7ff80000;
  SCRATCH_FLOAT[0] = value;
  return SCRATCH_WORDS[0] ^ SCRATCH_WORDS[1];
}

/** `String.hashCode`, over UTF-16 code units. */
export function hashOfString(value: string): number {
  let hash = 0;
  for (let index = 0; index < value.length; index++) {
    hash = (Math.imul(31, hash) + value.charCodeAt(index)) | 0;
  }
  return hash;
}

/** `Arrays.hashCode(byte[])`. */
export function hashOfBytes(value: Uint8Array): number {
  let hash = 1;
  for (let index = 0; index < value.length; index++) {
    hash = (Math.imul(31, hash) + ((value[index] << 24) >> 24)) | 0;
  }
  return hash;
}

/** One step of `Arrays.hashCode(Object[])` and `List.hashCode`; start with 1. */
export function combineHashes(hash: number, elementHash: number): number {
  return (Math.imul(31, hash) + elementHash) | 0;
}
