/*
 * The hash by which rows are ordered in segments: MurmurHash3_x86_32, twice. Part of the format
 * (docs/formats/segment.md), so it can never change.
 */

/** Seed of the high and of the low half. */
export const HASH_SEED_HIGH = 0;
export const HASH_SEED_LOW = 0x9747b28c;

/** MurmurHash3_x86_32 of `bytes[start .. end)`; an unsigned 32-bit number. */
export function murmur3(bytes: Uint8Array, start: number, end: number, seed: number): number {
  let hash = seed | 0;
  const wordsEnd = start + ((end - start) & ~3);
  let at = start;
  for (; at < wordsEnd; at += 4) {
    const word = bytes[at] | (bytes[at + 1] << 8) | (bytes[at + 2] << 16) | (bytes[at + 3] << 24);
    hash = mixWord(hash, word);
  }
  let tail = 0;
  switch (end - at) {
    case 3:
      tail = bytes[at] | (bytes[at + 1] << 8) | (bytes[at + 2] << 16);
      break;
    case 2:
      tail = bytes[at] | (bytes[at + 1] << 8);
      break;
    case 1:
      tail = bytes[at]!;
      break;
  }
  if (end > at) hash ^= mixTail(tail);
  return finish(hash, end - start);
}

/** Hash of a key of `count` 4-byte words at `words[index * count]`; as `murmur3` of their bytes. */
export function murmur3OfWords(words: Int32Array, index: number, count: number): number {
  let hash = HASH_SEED_HIGH;
  const start = index * count;
  for (let at = start; at < start + count; at++) hash = mixWord(hash, words[at]);
  return finish(hash, 4 * count);
}

function mixWord(hash: number, word: number): number {
  const mixed = hash ^ mixTail(word);
  return (Math.imul((mixed << 13) | (mixed >>> 19), 5) + 0xe6546b64) | 0;
}

function mixTail(word: number): number {
  const scaled = Math.imul(word, 0xcc9e2d51);
  return Math.imul((scaled << 15) | (scaled >>> 17), 0x1b873593);
}

function finish(hash: number, length: number): number {
  let mixed = hash ^ length;
  mixed ^= mixed >>> 16;
  mixed = Math.imul(mixed, 0x85ebca6b);
  mixed ^= mixed >>> 13;
  mixed = Math.imul(mixed, 0xc2b2ae35);
  return (mixed ^ (mixed >>> 16)) >>> 0;
}
