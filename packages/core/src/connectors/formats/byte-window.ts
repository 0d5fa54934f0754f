/*
 * ByteWindow: the part of a file that was read and not decoded yet. Chunks are appended behind, a
 * decoder takes records in front.
 *
 * I1. `bytes[start .. end)` is what follows `offset` in the (decompressed) file, without gaps.
 */
import { assert } from "../../assert.ts";
import { MALFORMED_TEXT_LENGTH, type MalformedRange } from "./format.ts";

const EMPTY = Buffer.alloc(0);

/** See the file header. */
export class ByteWindow {
  /** The chunks, joined; only `start .. end` counts. */
  bytes: Buffer = EMPTY;
  /** First byte that was not decoded. */
  start = 0;
  /** Whether nothing follows `end` in the file. */
  isLast = false;
  /** Line ends that were passed since the window was made. */
  linesCount = 0;
  /** Records that a decoder passed over; whoever handles them empties it. */
  malformed: MalformedRange[] = [];
  #base: number;
  readonly #stopOffset: number;

  /**
   * `offset` is where the first chunk begins; records that begin at `stopOffset` are not wanted.
   */
  constructor(offset: number, stopOffset = Infinity) {
    this.#base = offset;
    this.#stopOffset = stopOffset;
  }

  /** Behind the last byte that is here. */
  get end(): number {
    return this.bytes.length;
  }

  /** Offset of `start` in the file. */
  get offset(): number {
    return this.#base + this.start;
  }

  /** Records that begin here or later belong to somebody else; may be beyond `end`. */
  get stop(): number {
    return this.#stopOffset - this.#base;
  }

  /** Bytes that were not decoded. */
  get sizeBytes(): number {
    return this.bytes.length - this.start;
  }

  /** Adds the next chunk; it belongs to the window from now on. */
  append(chunk: Uint8Array): void {
    assert(!this.isLast, "bytes came after the last");
    const more = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
    this.#base += this.start;
    this.bytes =
      this.sizeBytes === 0 ? more : Buffer.concat([this.bytes.subarray(this.start), more]);
    this.start = 0;
  }

  /** Passes over `count` bytes that are here. */
  skip(count: number): void {
    assert(count <= this.sizeBytes, "more bytes are skipped than there are");
    this.start += count;
  }

  /** Notes that the record in `from .. to` cannot be read; `lineIndex` as in `MalformedRange`. */
  addMalformed(from: number, to: number, rest: { lineIndex: number; reason: string }): void {
    // A character has at most four bytes.
    const cut = Math.min(to, from + 4 * MALFORMED_TEXT_LENGTH);
    const text = this.bytes.toString("utf8", from, cut).slice(0, MALFORMED_TEXT_LENGTH);
    this.malformed.push({ offset: this.#base + from, text, ...rest });
  }
}
