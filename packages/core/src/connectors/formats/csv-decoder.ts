/*
 * CSV decoder: RFC 4180 records, from bytes into typed columns.
 *
 * A field is quoted only if the quote is its first character; in it, two quotes are one, and
 * delimiters belong to it, and line feeds too if `quotedNewlines`. Without that, every line feed
 * ends a record, so that a decoder may begin after any of them. Empty lines are passed over.
 */
import { isUtf8 } from "node:buffer";
import { BATCH_COUNT, Batch } from "../../columns/batch.ts";
import { oxbowError } from "../../errors.ts";
import { didYouMean, listNames } from "../../types/nearest-name.ts";
import type { ByteWindow } from "./byte-window.ts";
import type { CsvColumn, FieldRange } from "./csv-column.ts";
import { csvColumnOf } from "./csv-columns.ts";
import type { CsvLayout } from "./csv-layout.ts";
import type { RecordDecoder } from "./format.ts";

/** Columns of a header that the details of an error have. */
const HEADER_DETAILS_MAX = 20;

const LINE_FEED = 10;
const CARRIAGE_RETURN = 13;

/** See the file header. */
export class CsvDecoder implements RecordDecoder {
  readonly #layout: CsvLayout;
  readonly #columns: readonly CsvColumn[];
  readonly #names: readonly string[];
  /** Column of each position in the file; undefined: not wanted. */
  #positions: readonly (CsvColumn | undefined)[];
  readonly #field: FieldRange = { bytes: Buffer.alloc(0), from: 0, to: 0 };
  #reason: string | undefined;

  constructor(layout: CsvLayout, names: readonly string[]) {
    this.#layout = layout;
    this.#names = names;
    this.#columns = names.map((name) => csvColumnOf(layout.typeOf(name)));
    this.#positions = this.#columns;
  }

  /** A decoder whose columns are those of the header that it reads. */
  static ofHeader(layout: CsvLayout): RecordDecoder {
    let decoder: CsvDecoder | undefined;
    return {
      readHeader(window, file) {
        const header = readHeaderFields(window, layout, file);
        if (header === undefined) return false;
        checkUnique(header, file);
        const made = new CsvDecoder(layout, header);
        decoder = made;
        return true;
      },
      decode: (window, limit) => decoder?.decode(window, limit),
    };
  }

  readHeader(window: ByteWindow, file: string): boolean {
    const header = readHeaderFields(window, this.#layout, file);
    if (header === undefined) return false;
    checkUnique(header, file);
    const missing = this.#names.filter(
      (name, index) => !header.includes(name) && !this.#columns[index].isOptional,
    );
    if (missing.length > 0) throw missingColumns(missing, header, file);
    this.#positions = header.map((name) => this.#columns[this.#names.indexOf(name)]);
    return true;
  }

  decode(window: ByteWindow, limit: number): Batch | undefined {
    const rowsLimit = Math.min(limit, BATCH_COUNT);
    for (const column of this.#columns) column.begin(rowsLimit);
    this.#field.bytes = window.bytes;
    let row = 0;
    while (row < rowsLimit && window.start < window.stop) {
      const end = recordEnd(window, this.#layout);
      if (end < 0) break;
      const { start } = window;
      const hasReturn = end > start && window.bytes[end - 1] === CARRIAGE_RETURN;
      const textEnd = hasReturn ? end - 1 : end;
      const lineIndex = window.linesCount;
      window.linesCount += this.#layout.quotedNewlines ? linesIn(window.bytes, start, end) : 1;
      window.start = Math.min(end + 1, window.end);
      if (textEnd === start) continue;
      if (this.#readRecord(start, textEnd, row)) row++;
      else window.addMalformed(start, textEnd, { lineIndex, reason: this.#reason ?? "unknown" });
    }
    if (row === 0) return undefined;
    const columns = this.#columns.map((column) => column.take(row));
    return Batch.ofColumns({ names: this.#names, columns }, row);
  }

  /** False: `#reason` says why. */
  #readRecord(start: number, end: number, row: number): boolean {
    const { delimiter, quote } = this.#layout;
    const field = this.#field;
    const { bytes } = field;
    let position = 0;
    let at = start;
    for (;;) {
      let to = at;
      let quoted: string | undefined;
      if (bytes[at] === quote && at < end) {
        to = quotedEnd(field.bytes, { from: at, end, quote });
        if (to < 0 || (to < end && bytes[to] !== delimiter)) {
          return this.#refuse(position, "a quote is not closed, or text follows the closing one");
        }
        quoted = unquote(bytes, { from: at + 1, to: to - 1, quote });
        if (quoted.includes("\ufffd") && !isUtf8(bytes.subarray(at, to))) {
          return this.#refuse(position, "the text is not valid UTF-8");
        }
      } else while (to < end && bytes[to] !== delimiter) to++;
      const column = this.#positions[position];
      if (column !== undefined) {
        field.from = at;
        field.to = to;
        const reason =
          quoted === undefined ? column.put(field, row) : column.putQuoted(quoted, row);
        if (reason !== undefined) return this.#refuse(position, reason);
      }
      position++;
      if (to === end) break;
      at = to + 1;
    }
    const width = this.#positions.length;
    if (position !== width) {
      this.#reason = `${position} fields instead of ${width}`;
      return false;
    }
    this.#fillMissing(row);
    return true;
  }

  /** Optional columns that the file does not have. */
  #fillMissing(row: number): void {
    if (this.#positions === this.#columns) return;
    const field = this.#field;
    field.from = field.to = 0;
    for (const column of this.#columns) {
      if (!this.#positions.includes(column)) column.put(field, row);
    }
  }

  #refuse(position: number, reason: string): boolean {
    const column = this.#positions[position];
    const index = column === undefined ? -1 : this.#columns.indexOf(column);
    const name = index < 0 ? String(position + 1) : this.#names[index];
    this.#reason = `field ${name}: ${reason}`;
    return false;
  }
}

/**
 * Index of the line feed that ends the record at `window.start` (or of the file's end); -1: not
 * here.
 */
function recordEnd(window: ByteWindow, layout: CsvLayout): number {
  const { bytes, start, end } = window;
  const lineEnd = bytes.indexOf(LINE_FEED, start);
  const atEnd = window.isLast && start < end ? end : -1;
  if (!layout.quotedNewlines) return lineEnd < 0 ? atEnd : lineEnd;
  const firstQuote = bytes.indexOf(layout.quote, start);
  if (firstQuote < 0 || (lineEnd >= 0 && firstQuote > lineEnd))
    return lineEnd < 0 ? atEnd : lineEnd;
  let isFieldStart = true;
  for (let at = start; at < end; at++) {
    const byte = bytes[at];
    if (byte === LINE_FEED) return at;
    if (byte === layout.quote && isFieldStart) {
      const closed = quotedEnd(bytes, { from: at, end, quote: layout.quote });
      // An open quote swallows the rest of the file; only its end shows that it is malformed.
      if (closed < 0) return atEnd;
      at = closed - 1;
      isFieldStart = false;
    } else isFieldStart = byte === layout.delimiter;
  }
  return atEnd;
}

interface QuotedRange {
  readonly from: number;
  readonly quote: number;
}

/** Behind the closing quote of the field that opens at `from`; -1: not closed before `end`. */
function quotedEnd(bytes: Buffer, range: QuotedRange & { readonly end: number }): number {
  const { quote, end } = range;
  let at = range.from + 1;
  for (;;) {
    const found = bytes.indexOf(quote, at);
    if (found < 0 || found >= end) return -1;
    if (found + 1 >= end || bytes[found + 1] !== quote) return found + 1;
    at = found + 2;
  }
}

function unquote(bytes: Buffer, range: QuotedRange & { readonly to: number }): string {
  const text = bytes.toString("utf8", range.from, range.to);
  const quote = String.fromCharCode(range.quote);
  return text.includes(quote) ? text.replaceAll(quote + quote, quote) : text;
}

function linesIn(bytes: Buffer, start: number, end: number): number {
  let count = 1;
  for (let at = bytes.indexOf(LINE_FEED, start); at >= 0 && at < end; count++) {
    at = bytes.indexOf(LINE_FEED, at + 1);
  }
  return count;
}

function readHeaderFields(
  window: ByteWindow,
  layout: CsvLayout,
  file: string,
): readonly string[] | undefined {
  const end = recordEnd(window, layout);
  if (end < 0 && window.isLast) throw headerMisfit(file, "is missing: the file is empty", []);
  if (end < 0) return undefined;
  const { bytes, start } = window;
  const textEnd = end > start && bytes[end - 1] === CARRIAGE_RETURN ? end - 1 : end;
  const fields: string[] = [];
  for (let at = start; at <= textEnd;) {
    let to = at;
    const isQuoted = bytes[at] === layout.quote && at < textEnd;
    if (isQuoted) to = quotedEnd(bytes, { from: at, end: textEnd, quote: layout.quote });
    if (to < 0) throw headerMisfit(file, "has a quote that is not closed", fields);
    while (to < textEnd && bytes[to] !== layout.delimiter) to++;
    fields.push(
      isQuoted
        ? unquote(bytes, { from: at + 1, to: to - 1, quote: layout.quote })
        : bytes.toString("utf8", at, to),
    );
    at = to + 1;
  }
  window.linesCount += linesIn(bytes, start, end);
  window.start = Math.min(end + 1, window.end);
  return fields;
}

function checkUnique(header: readonly string[], file: string): void {
  const twice = header.find((name, index) => header.indexOf(name) !== index);
  if (twice !== undefined) throw headerMisfit(file, `has the column ${twice} twice`, header);
}

function missingColumns(
  missing: readonly string[],
  header: readonly string[],
  file: string,
): Error {
  const [first] = missing;
  const remedy =
    "A column that a file may lack is t.optional(…) in the type; a file without a header is read " +
    `with header: false.${didYouMean(first, header)}`;
  return headerMisfit(file, `has no column ${listNames(missing)}`, header, remedy);
}

function headerMisfit(file: string, reason: string, header: readonly string[], remedy = ""): Error {
  const has = header.length === 0 ? "" : ` It has ${listNames(header)}.`;
  const rest = remedy === "" ? "" : ` ${remedy}`;
  return oxbowError("FILE_UNREADABLE", `${file}:1: the header ${reason}.${has}${rest}`, {
    file,
    header: header.slice(0, HEADER_DETAILS_MAX),
  });
}
