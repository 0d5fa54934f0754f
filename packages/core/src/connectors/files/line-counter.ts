/*
 * LineCounter: counts the line feeds in the first bytes of a file, a piece at a time.
 */
import type { ByteStream } from "./byte-stream.ts";

const LINE_FEED = 10;

/** See the file header. */
export class LineCounter {
  readonly #stream: ByteStream;
  #restBytes: number;
  #linesCount = 0;

  /** Counts in the first `sizeBytes` bytes that the stream gives. */
  constructor(stream: ByteStream, sizeBytes: number) {
    this.#stream = stream;
    this.#restBytes = sizeBytes;
  }

  /** The count; undefined: not known yet, call again after the stream woke. */
  poll(): number | undefined {
    while (this.#restBytes > 0) {
      const chunk = this.#stream.take();
      if (chunk === undefined) return undefined;
      const part = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength).subarray(
        0,
        this.#restBytes,
      );
      for (let at = part.indexOf(LINE_FEED); at >= 0; at = part.indexOf(LINE_FEED, at + 1)) {
        this.#linesCount++;
      }
      this.#restBytes -= part.length;
    }
    return this.#linesCount;
  }

  close(): Promise<void> {
    return this.#stream.close();
  }
}
