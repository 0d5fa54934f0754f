/*
 * Short strings from bytes: below a few dozen characters a call into the runtime's native decoder
 * costs more than building the string here.
 */

/** Longest string that is worth it, in code units. */
export const SHORT_TEXT_COUNT = 24;

const chars = String.fromCharCode;

/** `count` Latin-1 code units from `at` on. */
export function shortLatin1(b: Uint8Array, at: number, count: number): string {
  switch (count) {
    case 0:
      return "";
    case 1:
      return chars(b[at]);
    case 2:
      return chars(b[at], b[at + 1]);
    case 3:
      return chars(b[at], b[at + 1], b[at + 2]);
    case 4:
      return chars(b[at], b[at + 1], b[at + 2], b[at + 3]);
    case 5:
      return chars(b[at], b[at + 1], b[at + 2], b[at + 3], b[at + 4]);
    case 6:
      return chars(b[at], b[at + 1], b[at + 2], b[at + 3], b[at + 4], b[at + 5]);
    case 7:
      return chars(b[at], b[at + 1], b[at + 2], b[at + 3], b[at + 4], b[at + 5], b[at + 6]);
    default:
      return eight(b, at) + shortLatin1(b, at + 8, count - 8);
  }
}

function eight(b: Uint8Array, at: number): string {
  return chars(b[at], b[at + 1], b[at + 2], b[at + 3], b[at + 4], b[at + 5], b[at + 6], b[at + 7]);
}

/** Whether all `count` bytes from `start` on are ASCII. */
export function isAscii(bytes: Uint8Array, start: number, count: number): boolean {
  let union = 0;
  for (let at = start; at < start + count; at++) union |= bytes[at];
  return union < 0x80;
}

const NAME_SLOTS = 1024;
const NAMES: string[] = Array.from({ length: NAME_SLOTS }, () => "");

/**
 * A property name of ASCII bytes, the same string object for the same name as long as the cache
 * holds it: engines look properties up by identity, so a fresh string costs several times as much.
 */
export function cachedName(bytes: Uint8Array, at: number, count: number): string {
  let slot = count;
  for (let index = at; index < at + count; index++) {
    slot = (Math.imul(slot, 31) + bytes[index]) & (NAME_SLOTS - 1);
  }
  const known = NAMES[slot];
  if (known.length === count && matches(known, bytes, at)) return known;
  return (NAMES[slot] = shortLatin1(bytes, at, count));
}

function matches(text: string, bytes: Uint8Array, at: number): boolean {
  for (let index = 0; index < text.length; index++) {
    if (text.charCodeAt(index) !== bytes[at + index]) return false;
  }
  return true;
}
