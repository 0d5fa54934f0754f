/*
 * Format: how records stand in files as text or bytes. `json.ts` and `csv.ts` are the two of core.
 *
 * A decoder works on a window over the bytes of one file. It is asked for up to a batch of records
 * and moves the window on behind the last of them; so a position after any record is known exactly.
 *
 * I1. A decoder keeps nothing between two calls that depends on the records before: going on at a
 *     position with a new decoder gives the same records.
 */
import type { Batch } from "../../columns/batch.ts";
import type { Type } from "../../types/type.ts";
import type { ByteWindow } from "./byte-window.ts";

/** How records are read from and written to files. */
export interface Format<T> {
  readonly kind: "format";
  /** For messages: `json`, `csv`. */
  readonly name: string;
  /** Usual extension of file names, with the dot. */
  readonly extension: string;
  /** Declared type of the records. */
  readonly recordType: Type<T> | undefined;
  /** Whether every line feed ends a record, so that reading may begin anywhere in a file. */
  readonly isSplittable: boolean;
  /** Whether files begin with a header, which `readHeader` takes. */
  readonly hasHeader: boolean;
  /** A decoder for one file. */
  createDecoder(): RecordDecoder;
  /** An encoder for one writer. */
  createEncoder(): RecordEncoder<T>;
}

/** See `Format.createDecoder`. */
export interface RecordDecoder {
  /**
   * Takes the header at the beginning of a file. False: it is not complete in the window. Called
   * once, before `decode`, if and only if the format has one. Throws FILE_UNREADABLE, which names
   * `file`, where it does not fit.
   */
  readHeader(window: ByteWindow, file: string): boolean;
  /**
   * Decodes up to `limit` records that lie completely in the window and begin before
   * `window.stop`, and moves `window.start` and `window.linesCount` behind them. What is malformed
   * is added to `window.malformed` and passed over. Undefined: no record, because more bytes are
   * needed, the stop was reached, or only malformed ones were passed over.
   */
  decode(window: ByteWindow, limit: number): Batch | undefined;
}

/** See `Format.createEncoder`. Text is written as UTF-8. */
export interface RecordEncoder<T> {
  /** What every file begins with; empty for nothing. */
  header(): string;
  /**
   * One record with its line end. Throws RECORD_NOT_WRITABLE where the format cannot express it.
   */
  encode(record: T): string;
}

/** A malformed record as a decoder reports it. */
export interface MalformedRange {
  /** First byte in the (decompressed) file. */
  readonly offset: number;
  /** Lines of the window's beginning before this record; add the number of the first line. */
  readonly lineIndex: number;
  readonly reason: string;
  /** Cut at `MALFORMED_TEXT_LENGTH` characters. */
  readonly text: string;
}

/** Longest text of a malformed record that is reported, characters. */
export const MALFORMED_TEXT_LENGTH = 1024;
