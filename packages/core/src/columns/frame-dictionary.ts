/*
 * FrameDictionary: codes for the strings of one field, new in every frame, since frames describe
 * themselves; but the map from string to entry is kept from frame to frame, so that a string that
 * comes again costs one look-up and no insertion.
 *
 * Looking a string up costs more than writing it plain and cutting it out again (20 to 45 ns
 * against 20 to 30). What speaks for a dictionary is what comes later: strings that are shared, and
 * hashed once. So it is kept where strings come again many times in a frame; otherwise the field is
 * written plain for a number of frames before the dictionary is tried again.
 */

/** Distinct strings that are remembered; beyond that all are forgotten. */
export const MAX_DICTIONARY_COUNT = 1 << 13;
/** Longest string that is remembered, in code units; a longer one makes the field plain. */
const MAX_REMEMBERED_LENGTH = 256;
/** A dictionary is kept where each of its strings comes so often in a frame, on average. */
const REPEATS_MIN = 8;
/** Frames that a field stays plain. */
const PLAIN_FRAMES = 128;

/** See the file header. */
export class FrameDictionary {
  /** Write the strings of the coming frame plainly. */
  isPlain = false;
  /** Strings of the frame, by code. */
  strings: string[] = [];
  readonly #entries = new Map<string, number>();
  /** Per entry: the frame in which its code is valid, and the code. */
  #frames = new Int32Array(256);
  #codes = new Int32Array(256);
  #frame = 0;
  #plainFrames = 0;

  /** Begins a frame. */
  begin(): void {
    this.strings = [];
    this.#frame = (this.#frame + 1) | 0;
    if (this.isPlain && ++this.#plainFrames >= PLAIN_FRAMES) {
      this.isPlain = false;
      this.#plainFrames = 0;
    }
    if (this.#entries.size >= MAX_DICTIONARY_COUNT || this.#frame === 0) this.#forget();
  }

  /** Code of a string in this frame. */
  codeOf(text: string): number {
    const entry = this.#entries.get(text);
    if (entry === undefined) return this.#add(text);
    if (this.#frames[entry] === this.#frame) return this.#codes[entry];
    return this.#use(entry, text);
  }

  /** Ends a frame of `count` strings: decides whether the next ones are plain. */
  end(count: number): void {
    const distinct = this.strings.length;
    if (!this.isPlain && count >= 64 && distinct * REPEATS_MIN > count) {
      this.isPlain = true;
      this.#forget();
    }
  }

  #add(text: string): number {
    const entry = this.#entries.size;
    if (entry >= this.#frames.length) {
      const frames = new Int32Array(entry * 2);
      frames.set(this.#frames);
      this.#frames = frames;
      const codes = new Int32Array(entry * 2);
      codes.set(this.#codes);
      this.#codes = codes;
    }
    if (text.length > MAX_REMEMBERED_LENGTH) return this.strings.push(text) - 1;
    this.#entries.set(text, entry);
    return this.#use(entry, text);
  }

  #use(entry: number, text: string): number {
    const code = this.strings.push(text) - 1;
    this.#frames[entry] = this.#frame;
    this.#codes[entry] = code;
    return code;
  }

  #forget(): void {
    this.#entries.clear();
    this.#frames.fill(0);
    this.#frame = 1;
  }
}
