/*
 * Decodes the data of one column of a block; the other side of `column-encoder.ts`. Throws a
 * RangeError for what does not fit; `block-decoder.ts` says where.
 */
import { ByteReader } from "../types/byte-reader.ts";
import { readAny } from "../types/any-reader.ts";
import { align8, ENCODING } from "./block.ts";
import type { BytesColumn, Column, ColumnKind, Presence } from "./column.ts";
import {
  bigintColumn,
  boolColumn,
  bytesColumn,
  float64Column,
  int32Column,
  PRESENT,
  StringColumn,
  ValueColumn,
} from "./column.ts";
import { presized } from "./presized.ts";

/** A directory entry. */
export interface ColumnEntry {
  readonly kind: ColumnKind;
  readonly rowCount: number;
  readonly encoding: number;
  readonly width: number;
  readonly hasPresence: boolean;
  readonly textFlags: number;
  /** First byte of the section in the body. */
  readonly start: number;
  readonly sizeBytes: number;
  readonly extra: number;
}

/** A position in the section; every step is checked against its end. */
class Section {
  readonly body: Uint8Array;
  #at: number;
  readonly #end: number;

  constructor(body: Uint8Array, start: number, sizeBytes: number) {
    if (start + sizeBytes > body.length) throw new RangeError("a column lies outside the body");
    this.body = body;
    this.#at = start;
    this.#end = start + sizeBytes;
  }

  /** Start of the next `sizeBytes`, padded; the last padding is not part of the section. */
  take(sizeBytes: number): number {
    const at = this.#at;
    if (at + sizeBytes > this.#end) throw new RangeError("a column is longer than its section");
    this.#at = at + align8(sizeBytes);
    return at;
  }

  remaining(): number {
    return this.#end - this.#at;
  }
}

/** Decodes one column. */
export function decodeColumn(body: Uint8Array, entry: ColumnEntry): Column {
  const section = new Section(body, entry.start, entry.sizeBytes);
  const { rowCount } = entry;
  const presence = entry.hasPresence ? readPresence(section, rowCount) : undefined;
  switch (entry.kind) {
    case "int32":
      return int32Column(readInt32(section, entry), rowCount, presence);
    case "float64":
      return float64Column(readFloat64(section, entry), rowCount, presence);
    case "bigint64":
      return bigintColumn(readBigints(section, entry), rowCount, presence);
    case "bool":
      return boolColumn(readBools(section, entry), rowCount, presence);
    case "string":
      return readStrings(section, entry, presence);
    case "bytes":
      return readSlices(section, entry, presence);
    case "value":
      return ValueColumn.ofEncoded(readSlices(section, entry, presence), decodeValues);
  }
}

function readPresence(section: Section, rowCount: number): Uint8Array {
  const at = section.take((rowCount + 3) >> 2);
  const presence = new Uint8Array(rowCount);
  for (let row = 0; row < rowCount; row++) {
    presence[row] = (section.body[at + (row >> 2)] >> ((row & 3) << 1)) & 3;
  }
  return presence;
}

/** A view where the bytes are aligned, else a copy. */
function bytesFor(
  section: Section,
  sizeBytes: number,
  alignment: number,
): {
  readonly buffer: ArrayBufferLike;
  readonly offset: number;
} {
  const at = section.take(sizeBytes);
  const offset = section.body.byteOffset + at;
  if (offset % alignment === 0) return { buffer: section.body.buffer, offset };
  return { buffer: section.body.slice(at, at + sizeBytes).buffer, offset: 0 };
}

function readInt32(section: Section, entry: ColumnEntry): Int32Array {
  const { rowCount } = entry;
  switch (entry.encoding) {
    case ENCODING.RAW: {
      const { buffer, offset } = bytesFor(section, rowCount * 4, 4);
      return new Int32Array(buffer, offset, rowCount);
    }
    case ENCODING.CONSTANT: {
      const { buffer, offset } = bytesFor(section, 4, 4);
      return new Int32Array(rowCount).fill(new Int32Array(buffer, offset, 1)[0]);
    }
    case ENCODING.REFERENCE: {
      const { buffer, offset } = bytesFor(section, 8, 8);
      const [base] = new Float64Array(buffer, offset, 1);
      const distances = readUnsigned(section, rowCount, entry.width);
      const values = new Int32Array(rowCount);
      for (let row = 0; row < rowCount; row++) values[row] = base + distances[row];
      return values;
    }
    default:
      throw unknownEncoding(entry);
  }
}

function readFloat64(section: Section, entry: ColumnEntry): Float64Array {
  const { rowCount } = entry;
  switch (entry.encoding) {
    case ENCODING.RAW: {
      const { buffer, offset } = bytesFor(section, rowCount * 8, 8);
      return new Float64Array(buffer, offset, rowCount);
    }
    case ENCODING.CONSTANT: {
      const { buffer, offset } = bytesFor(section, 8, 8);
      return new Float64Array(rowCount).fill(new Float64Array(buffer, offset, 1)[0]);
    }
    case ENCODING.REFERENCE: {
      const { buffer, offset } = bytesFor(section, 8, 8);
      const [base] = new Float64Array(buffer, offset, 1);
      const distances = readUnsigned(section, rowCount, entry.width);
      const values = new Float64Array(rowCount);
      for (let row = 0; row < rowCount; row++) values[row] = base + distances[row];
      return values;
    }
    default:
      throw unknownEncoding(entry);
  }
}

function readBigints(section: Section, entry: ColumnEntry): BigInt64Array {
  const { rowCount } = entry;
  switch (entry.encoding) {
    case ENCODING.RAW: {
      const { buffer, offset } = bytesFor(section, rowCount * 8, 8);
      return new BigInt64Array(buffer, offset, rowCount);
    }
    case ENCODING.CONSTANT: {
      const { buffer, offset } = bytesFor(section, 8, 8);
      return new BigInt64Array(rowCount).fill(new BigInt64Array(buffer, offset, 1)[0]);
    }
    case ENCODING.REFERENCE: {
      const { buffer, offset } = bytesFor(section, 8, 8);
      const [base] = new BigInt64Array(buffer, offset, 1);
      const distances = readUnsigned(section, rowCount, entry.width);
      const values = new BigInt64Array(rowCount);
      for (let row = 0; row < rowCount; row++) values[row] = base + BigInt(distances[row]);
      return values;
    }
    default:
      throw unknownEncoding(entry);
  }
}

function readBools(section: Section, entry: ColumnEntry): Uint8Array {
  const { rowCount } = entry;
  const { body } = section;
  switch (entry.encoding) {
    case ENCODING.RAW: {
      const at = section.take(rowCount);
      return body.subarray(at, at + rowCount);
    }
    case ENCODING.CONSTANT:
      return new Uint8Array(rowCount).fill(body[section.take(1)]);
    case ENCODING.BITS: {
      const at = section.take((rowCount + 7) >> 3);
      const values = new Uint8Array(rowCount);
      for (let row = 0; row < rowCount; row++) {
        values[row] = (body[at + (row >> 3)] >> (row & 7)) & 1;
      }
      return values;
    }
    default:
      throw unknownEncoding(entry);
  }
}

function readUnsigned(
  section: Section,
  count: number,
  width: number,
): Uint8Array | Uint16Array | Uint32Array {
  if (width !== 1 && width !== 2 && width !== 4) throw new RangeError(`width ${width} is unknown`);
  const { buffer, offset } = bytesFor(section, count * width, width);
  if (width === 1) return new Uint8Array(buffer, offset, count);
  return width === 2
    ? new Uint16Array(buffer, offset, count)
    : new Uint32Array(buffer, offset, count);
}

function readStrings(section: Section, entry: ColumnEntry, presence: Presence): StringColumn {
  const { rowCount } = entry;
  const wide = (entry.textFlags & 1) === 1;
  if (entry.encoding === ENCODING.PACKED) {
    const ends = readEnds(section, entry, rowCount);
    const text = readText(section, ends[rowCount], wide);
    return StringColumn.ofText({ text, ends }, rowCount, presence);
  }
  if (entry.encoding !== ENCODING.DICTIONARY) throw unknownEncoding(entry);
  const codes = new Int32Array(rowCount);
  const narrow = readUnsigned(section, rowCount, entry.width);
  const dictionaryCount = entry.extra;
  for (let row = 0; row < rowCount; row++) {
    const code = narrow[row];
    if (code >= dictionaryCount) throw new RangeError("a string is not in the dictionary");
    codes[row] = code;
  }
  if (dictionaryCount > section.remaining()) throw new RangeError("the dictionary is too long");
  const lengths = readUnsigned(section, dictionaryCount, entry.textFlags >> 4);
  const ends = endsOf(lengths, dictionaryCount);
  const text = readText(section, ends[dictionaryCount], wide);
  const dictionary = presized<string>(dictionaryCount);
  for (let code = 0; code < dictionaryCount; code++) {
    dictionary[code] = text.substring(ends[code], ends[code + 1]);
  }
  return StringColumn.ofCodes(codes, dictionary, rowCount, presence);
}

/** Where each of the packed values ends, from the start of the contents; `ends[0]` is 0. */
function readEnds(section: Section, entry: ColumnEntry, count: number): Int32Array {
  if (entry.width !== 0) return endsOf(readUnsigned(section, count, entry.width), count);
  if (entry.extra * count > 0x7fffffff) throw new RangeError("the values are too long");
  return equalEnds(entry.extra, count);
}

/** Lengths of which the ends are kept, and for how many values; frame after frame has the same. */
const KEPT_LENGTHS_COUNT = 64;
const KEPT_ENDS_COUNT = 2048;
const KEPT_ENDS: (Int32Array | undefined)[] = [];

/** Ends of `count` values, or more, that all have this length; shared, as columns never change. */
function equalEnds(length: number, count: number): Int32Array {
  const isKept = length < KEPT_LENGTHS_COUNT && count <= KEPT_ENDS_COUNT;
  const kept = isKept ? KEPT_ENDS[length] : undefined;
  if (kept !== undefined) return kept;
  const ends = new Int32Array((isKept ? KEPT_ENDS_COUNT : count) + 1);
  for (let row = 1; row < ends.length; row++) ends[row] = ends[row - 1] + length;
  if (isKept) KEPT_ENDS[length] = ends;
  return ends;
}

function endsOf(lengths: Uint8Array | Uint16Array | Uint32Array, count: number): Int32Array {
  const ends = new Int32Array(count + 1);
  let end = 0;
  for (let row = 0; row < count; row++) {
    end += lengths[row];
    ends[row + 1] = end;
  }
  if (end > 0x7fffffff) throw new RangeError("the values are too long");
  return ends;
}

function readText(section: Section, length: number, wide: boolean): string {
  const sizeBytes = wide ? length * 2 : length;
  const at = section.take(sizeBytes);
  const { body } = section;
  const bytes = Buffer.from(body.buffer, body.byteOffset + at, sizeBytes);
  return bytes.toString(wide ? "utf16le" : "latin1");
}

function readSlices(section: Section, entry: ColumnEntry, presence: Presence): BytesColumn {
  if (entry.encoding !== ENCODING.PACKED) throw unknownEncoding(entry);
  const { rowCount } = entry;
  const offsets = readEnds(section, entry, rowCount);
  const at = section.take(offsets[rowCount]);
  const bytes = section.body.subarray(at, at + offsets[rowCount]);
  return bytesColumn({ bytes, offsets }, rowCount, presence);
}

function decodeValues(encoded: BytesColumn): readonly unknown[] {
  const { bytes, offsets, count, presence } = encoded;
  const reader = new ByteReader(bytes);
  const values: unknown[] = [];
  for (let row = 0; row < count; row++) {
    if (presence !== undefined && presence[row] !== PRESENT) {
      values.push(undefined);
      continue;
    }
    reader.seek(offsets[row], offsets[row + 1]);
    values.push(readAny(reader));
    if (reader.remaining() !== 0) reader.fail("bytes follow the value");
  }
  return values;
}

function unknownEncoding(entry: ColumnEntry): RangeError {
  return new RangeError(`encoding ${entry.encoding} of a ${entry.kind} column is unknown`);
}
