/*
 * TextCache: strings from short runs of ASCII bytes, the same string object for the same bytes as
 * long as it stays in the cache. Fields of files repeat; making a string costs ten times a
 * comparison.
 */
import type { FieldRange } from "./csv-column.ts";

/** Slots; a power of two. Each holds the text that was last seen with its hash. */
const SLOTS_COUNT = 4096;
/** Longer texts are not worth the comparison. */
const MAX_CACHED_LENGTH = 32;

/** See the file header. */
export class TextCache {
  readonly #slots: string[] = new Array<string>(SLOTS_COUNT).fill("");

  /** The text of a field, as UTF-8. */
  text(field: FieldRange): string {
    const { bytes, from, to } = field;
    const length = to - from;
    if (length > MAX_CACHED_LENGTH) return bytes.toString("utf8", from, to);
    let hash = length;
    let bits = 0;
    for (let at = from; at < to; at++) {
      const byte = bytes[at];
      hash = Math.imul(hash ^ byte, 0x01000193);
      bits |= byte;
    }
    if (bits >= 0x80) return bytes.toString("utf8", from, to);
    const slot = (hash ^ (hash >>> 15)) & (SLOTS_COUNT - 1);
    const cached = this.#slots[slot];
    if (cached.length === length && isEqual(cached, bytes, from)) return cached;
    const text = bytes.toString("latin1", from, to);
    this.#slots[slot] = text;
    return text;
  }
}

function isEqual(text: string, bytes: Uint8Array, from: number): boolean {
  for (let index = 0; index < text.length; index++) {
    if (text.charCodeAt(index) !== bytes[from + index]) return false;
  }
  return true;
}
