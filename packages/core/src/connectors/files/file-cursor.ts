/*
 * FileCursor: reads one split of a file with a format.
 *
 * A split has the records whose first byte lies in its range. A reader that does not begin at the
 * file's start therefore looks for the first line end from one byte before the range.
 *
 * I1. `position()` is exact after every poll: going on there gives exactly the records that were
 *     not emitted.
 * I2. Malformed records are reported with their line. A range in the middle of a file learns the
 *     number of its first line only when it needs it, by counting; nothing is emitted meanwhile.
 */
import type { Batch } from "../../columns/batch.ts";
import { oxbowError } from "../../errors.ts";
import type { SplitCursor } from "../cursor-reader.ts";
import { ByteWindow } from "../formats/byte-window.ts";
import type { Format, RecordDecoder } from "../formats/format.ts";
import type { MalformedRecord, ReaderContext, ReaderOutput } from "../source.ts";
import { ByteStream } from "./byte-stream.ts";
import type { FileSplit } from "./file-split.ts";
import { LineCounter } from "./line-counter.ts";

/** What to do about malformed records. */
export type MalformedPolicy = "fail" | "skip" | "side-output";

/** What a cursor needs beside its split. */
export interface FileCursorOptions {
  readonly context: ReaderContext;
  readonly format: Format<unknown>;
  readonly malformed: MalformedPolicy;
  readonly recordBytesLimit: number;
}

const LINE_FEED = 10;
const BYTE_ORDER_MARK = Buffer.from("\ufeff");

/** See the file header. */
export class FileCursor implements SplitCursor<FileSplit> {
  readonly #options: FileCursorOptions;
  readonly #split: FileSplit;
  readonly #decoder: RecordDecoder;
  readonly #stream: ByteStream;
  readonly #window: ByteWindow;
  /** Reads the header for a cursor that does not begin at the file's start. */
  #header: { readonly stream: ByteStream; readonly window: ByteWindow } | undefined;
  #counter: LineCounter | undefined;
  #firstLine: number | undefined;
  /** Where the next record begins that was not emitted; undefined: before the first one. */
  #reached: { readonly offset: number; readonly linesCount: number } | undefined;
  /** Decoded, but waiting for the line numbers of malformed records before it. */
  #held: Batch | undefined;

  constructor(split: FileSplit, options: FileCursorOptions) {
    this.#split = split;
    this.#options = options;
    this.#decoder = options.format.createDecoder();
    this.#firstLine = split.firstLine;
    if (split.position !== undefined) {
      this.#reached = { offset: split.position, linesCount: split.linesCount };
    }
    const from = split.position ?? Math.max(0, split.start - 1);
    const stop = split.compression === "none" ? split.end : Infinity;
    this.#window = new ByteWindow(from, stop);
    this.#window.linesCount = split.linesCount;
    this.#stream = this.#open(from, split.compression === "none" ? split.end : Infinity);
    if (options.format.hasHeader && from > 0) {
      this.#header = { stream: this.#open(0, 0), window: new ByteWindow(0) };
    }
  }

  poll(output: ReaderOutput, countMax: number): "more" | "idle" | "finished" {
    if (!this.#release(output)) return "idle";
    if (!this.#isReady()) return this.#isAtEnd() ? "finished" : "idle";
    for (;;) {
      const batch = this.#decoder.decode(this.#window, countMax);
      this.#held = batch;
      if (!this.#release(output)) return "idle";
      if (this.#isAtEnd()) return "finished";
      if (batch !== undefined) return "more";
      if (!this.#fill(this.#stream, this.#window)) return this.#isAtEnd() ? "finished" : "idle";
    }
  }

  position(): FileSplit {
    if (this.#reached === undefined) return this.#split;
    const { offset, linesCount } = this.#reached;
    return { ...this.#split, position: offset, linesCount, firstLine: this.#firstLine };
  }

  async close(): Promise<void> {
    await Promise.all([this.#stream.close(), this.#header?.stream.close(), this.#counter?.close()]);
  }

  #open(start: number, softEnd: number): ByteStream {
    const { context } = this.#options;
    const { path, fileBytes, compression } = this.#split;
    return new ByteStream({
      files: context.env.files,
      path,
      fileBytes,
      compression,
      start,
      softEnd,
      wake: () => context.wake(),
      fail: (error) => context.fail(error),
    });
  }

  /** Whether the header is known and the window begins with a record. */
  #isReady(): boolean {
    if (this.#header !== undefined) {
      if (!this.#readHeader(this.#header)) return false;
      void this.#header.stream.close().catch((error: unknown) => this.#options.context.fail(error));
      this.#header = undefined;
    }
    if (this.#reached !== undefined) return true;
    const window = this.#window;
    if (this.#split.start > 0) {
      let lineEnd: number;
      while ((lineEnd = window.bytes.indexOf(LINE_FEED, window.start)) < 0) {
        window.skip(window.sizeBytes);
        if (!this.#fill(this.#stream, window)) return false;
      }
      window.skip(lineEnd + 1 - window.start);
    } else if (!this.#readStart(window)) return false;
    this.#advance();
    return true;
  }

  /** Hands over what was decoded; false: it must wait. */
  #release(output: ReaderOutput): boolean {
    if (this.#window.malformed.length > 0 && !this.#reportMalformed(output)) return false;
    if (this.#held !== undefined) output.emit(this.#split.id, this.#held);
    this.#held = undefined;
    if (this.#reached !== undefined) this.#advance();
    return true;
  }

  #advance(): void {
    this.#reached = { offset: this.#window.offset, linesCount: this.#window.linesCount };
  }

  /** The beginning of the file: byte order mark and header. */
  #readStart(window: ByteWindow): boolean {
    if (!this.#options.format.hasHeader) return this.#passByteOrderMark(this.#stream, window);
    return this.#readHeader({ stream: this.#stream, window });
  }

  #readHeader({ stream, window }: { stream: ByteStream; window: ByteWindow }): boolean {
    if (!this.#passByteOrderMark(stream, window)) return false;
    while (!this.#decoder.readHeader(window, this.#split.path)) {
      if (!this.#fill(stream, window)) return false;
    }
    return true;
  }

  #passByteOrderMark(stream: ByteStream, window: ByteWindow): boolean {
    while (window.sizeBytes < BYTE_ORDER_MARK.length && !window.isLast) {
      if (!this.#fill(stream, window)) return false;
    }
    const head = window.bytes.subarray(window.start, window.start + BYTE_ORDER_MARK.length);
    if (window.offset === 0 && head.equals(BYTE_ORDER_MARK)) window.skip(head.length);
    return true;
  }

  /** Gets more bytes, or learns that there are none. False: nothing new. */
  #fill(stream: ByteStream, window: ByteWindow): boolean {
    if (window.isLast) return false;
    const { recordBytesLimit } = this.#options;
    if (window.sizeBytes > recordBytesLimit) {
      throw oxbowError(
        "RECORD_TOO_LARGE",
        `${this.#split.path}: the record at byte ${window.offset} has more than ` +
          `${recordBytesLimit} bytes. Is the format right? Otherwise raise recordBytesLimit.`,
        { file: this.#split.path, offset: window.offset, limit: recordBytesLimit },
      );
    }
    const chunk = stream.take();
    if (chunk !== undefined) window.append(chunk);
    if (stream.isEnded) window.isLast = true;
    return chunk !== undefined || window.isLast;
  }

  #isAtEnd(): boolean {
    const window = this.#window;
    if (window.isLast && window.sizeBytes === 0) return true;
    return this.#reached !== undefined && window.start >= window.stop;
  }

  /** False: the number of the first line is still being counted. */
  #reportMalformed(output: ReaderOutput): boolean {
    const { context, malformed: policy } = this.#options;
    const window = this.#window;
    const found = window.malformed;
    if (policy === "skip") {
      for (let index = 0; index < found.length; index++) context.countMalformed();
      window.malformed = [];
      return true;
    }
    const firstLine = this.#countLines();
    if (firstLine === undefined) return false;
    window.malformed = [];
    for (const { offset, lineIndex, reason, text } of found) {
      const record = { file: this.#split.path, line: firstLine + lineIndex, offset, reason, text };
      if (policy === "fail") throw malformedError(record, this.#options.format.name);
      context.countMalformed();
      output.emitMalformed(record);
    }
    return true;
  }

  #countLines(): number | undefined {
    if (this.#firstLine !== undefined) return this.#firstLine;
    this.#counter ??= new LineCounter(this.#open(0, this.#split.start), this.#split.start - 1);
    const lines = this.#counter.poll();
    // The line end that the split began with is behind the counted ones.
    if (lines !== undefined) this.#firstLine = lines + 2;
    return this.#firstLine;
  }
}

function malformedError(record: MalformedRecord, format: string): Error {
  const { file, line, offset, reason, text } = record;
  return oxbowError(
    "RECORD_MALFORMED",
    `${file}:${line}: not a record of format ${format}: ${reason} (byte ${offset}). Correct the ` +
      `file, or set malformed to "skip" or "side-output". Text: ${text.slice(0, 200)}`,
    { file, line, offset, reason, format },
  );
}
