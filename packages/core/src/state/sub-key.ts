/*
 * Encodings of sub keys that are not keys of a user's type: list positions (4 bytes, big-endian)
 * and timers (timestamp, namespace start, end: 8 bytes each, the bits of the float64, big-endian,
 * sign bit flipped, negative ones inverted, so that bytes are ordered as the numbers are). Part of
 * the snapshot format.
 */

const FLOAT = new Float64Array(1);
const WORDS = new Int32Array(FLOAT.buffer);

export const POSITION_BYTES = 4;
export const TIMER_BYTES = 24;

export function writePosition(bytes: Uint8Array, at: number, position: number): void {
  bytes[at] = position >>> 24;
  bytes[at + 1] = position >>> 16;
  bytes[at + 2] = position >>> 8;
  bytes[at + 3] = position;
}

export function readPosition(bytes: Uint8Array, at: number): number {
  return (bytes[at] << 24) | (bytes[at + 1] << 16) | (bytes[at + 2] << 8) | bytes[at + 3];
}

/** One of the three numbers of a timer. */
export function writeOrdered(bytes: Uint8Array, at: number, value: number): void {
  FLOAT[0] = value;
  let high = WORDS[1];
  let low = WORDS[0];
  if (high < 0) {
    high = ~high;
    low = ~low;
  } else {
    high ^= 0x80000000;
  }
  writePosition(bytes, at, high);
  writePosition(bytes, at + 4, low);
}

export function readOrdered(bytes: Uint8Array, at: number): number {
  let high = readPosition(bytes, at);
  let low = readPosition(bytes, at + 4);
  if (high < 0) {
    high ^= 0x80000000;
  } else {
    high = ~high;
    low = ~low;
  }
  WORDS[1] = high;
  WORDS[0] = low;
  return FLOAT[0];
}
