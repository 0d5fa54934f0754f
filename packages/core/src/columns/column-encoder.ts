/*
 * Encodes the data of one column of a block: chooses the encoding and writes it.
 * `docs/formats/block.md`.
 */
import { assert } from "../assert.ts";
import { writeAny } from "../types/any-writer.ts";
import { ByteWriter, isLatin1 } from "../types/byte-writer.ts";
import { align8, ENCODING } from "./block.ts";
import type { SlicesColumn } from "./block.ts";
import type { Column, Presence, StringColumn, ValueColumn } from "./column.ts";
import { PRESENT } from "./column.ts";
import {
  isConstant,
  lengthWidth,
  rangeOfBigints,
  rangeOfNumbers,
  referenceWidth,
  withZeros,
} from "./narrow.ts";

/** What the directory says about a column's data. */
export interface DataShape {
  readonly encoding: number;
  readonly width: number;
  readonly textFlags: number;
  readonly extra: number;
}

/** How to encode. */
export interface DataOptions {
  readonly rowCount: number;
  readonly narrow: boolean;
}

/** Writes presence if any of the rows needs it; says whether it did. */
export function encodePresence(writer: ByteWriter, presence: Presence, rowCount: number): boolean {
  if (presence === undefined) return false;
  const sizeBytes = align8((rowCount + 3) >> 2);
  writer.ensure(sizeBytes);
  const { bytes, position } = writer;
  bytes.fill(0, position, position + sizeBytes);
  let union = 0;
  for (let row = 0; row < rowCount; row++) {
    const state = presence[row];
    union |= state;
    bytes[position + (row >> 2)] |= state << ((row & 3) << 1);
  }
  if (union === PRESENT) return false;
  writer.position += sizeBytes;
  return true;
}

/** Writes the data at the writer's position, which is a multiple of 8. */
export function encodeData(
  writer: ByteWriter,
  column: Column | SlicesColumn,
  options: DataOptions,
): DataShape {
  const { presence } = column;
  const { rowCount } = options;
  switch (column.kind) {
    case "int32":
      return encodeNumbers(writer, withZeros(column.values, presence, rowCount), options);
    case "float64":
      return encodeNumbers(writer, withZeros(column.values, presence, rowCount), options);
    case "bigint64":
      return encodeBigints(writer, withZeros(column.values, presence, rowCount), options);
    case "bool":
      return encodeBools(writer, withZeros(column.values, presence, rowCount), options);
    case "string":
      return encodeStrings(writer, column, options);
    case "bytes":
      return encodeSlices(writer, {
        bytes: column.bytes,
        starts: column.offsets,
        ends: column.offsets.subarray(1),
        presence,
        rowCount,
      });
    case "slices":
      return encodeSlices(writer, { ...column, rowCount });
    case "value":
      return encodeValues(writer, column, rowCount);
  }
}

function shapeOf(encoding: number, width = 0, extra = 0, textFlags = 0): DataShape {
  return { encoding, width, extra, textFlags };
}

type Numbers = Int32Array | Float64Array | BigInt64Array | Uint8Array;

function writeTyped(writer: ByteWriter, values: Numbers, count: number): void {
  const sizeBytes = count * values.BYTES_PER_ELEMENT;
  writer.raw(new Uint8Array(values.buffer, values.byteOffset, sizeBytes));
}

function encodeNumbers(
  writer: ByteWriter,
  values: Int32Array | Float64Array,
  options: DataOptions,
): DataShape {
  const { rowCount } = options;
  if (rowCount > 0 && isConstant(values, rowCount)) {
    writeTyped(writer, values, 1);
    if (Number.isNaN(values[0])) rewriteNaN(writer, 1);
    return shapeOf(ENCODING.CONSTANT);
  }
  const range = options.narrow && rowCount > 0 ? rangeOfNumbers(values, rowCount) : undefined;
  if (range !== undefined) {
    const width = referenceWidth(range.max - range.min, values.BYTES_PER_ELEMENT);
    if (width !== 0) {
      writer.float64(range.min);
      writeDistances(writer, { values, min: range.min, width, count: rowCount });
      return shapeOf(ENCODING.REFERENCE, width);
    }
  }
  writeTyped(writer, values, rowCount);
  if (options.narrow && values instanceof Float64Array) rewriteNaN(writer, rowCount);
  return shapeOf(ENCODING.RAW);
}

/** Makes every NaN in the last `count` float64s the canonical one: same values, same bytes. */
function rewriteNaN(writer: ByteWriter, count: number): void {
  const end = writer.position;
  const view = new Float64Array(writer.bytes.buffer, end - count * 8, count);
  for (let row = 0; row < count; row++) {
    if (view[row] !== view[row]) {
      writer.position = end - (count - row) * 8;
      writer.float64(NaN);
    }
  }
  writer.position = end;
}

function writeDistances(
  writer: ByteWriter,
  from: { values: Int32Array | Float64Array; min: number; width: number; count: number },
): void {
  const { values, min, width, count } = from;
  writer.ensure(count * width);
  const { buffer } = writer.bytes;
  const { position } = writer;
  if (width === 1) {
    const target = new Uint8Array(buffer, position, count);
    for (let row = 0; row < count; row++) target[row] = values[row] - min;
  } else if (width === 2) {
    const target = new Uint16Array(buffer, position, count);
    for (let row = 0; row < count; row++) target[row] = values[row] - min;
  } else {
    const target = new Uint32Array(buffer, position, count);
    for (let row = 0; row < count; row++) target[row] = values[row] - min;
  }
  writer.position += count * width;
}

function encodeBigints(writer: ByteWriter, values: BigInt64Array, options: DataOptions): DataShape {
  const { rowCount } = options;
  if (rowCount > 0 && isConstant(values, rowCount)) {
    writeTyped(writer, values, 1);
    return shapeOf(ENCODING.CONSTANT);
  }
  if (options.narrow && rowCount > 0) {
    const { min, max } = rangeOfBigints(values, rowCount);
    const span = max - min;
    const width = span > 0xffffffffn ? 0 : referenceWidth(Number(span), 8);
    if (width !== 0) {
      writer.bigint64(min);
      const distances = new Float64Array(rowCount);
      for (let row = 0; row < rowCount; row++) distances[row] = Number(values[row] - min);
      writeDistances(writer, { values: distances, min: 0, width, count: rowCount });
      return shapeOf(ENCODING.REFERENCE, width);
    }
  }
  writeTyped(writer, values, rowCount);
  return shapeOf(ENCODING.RAW);
}

function encodeBools(writer: ByteWriter, values: Uint8Array, options: DataOptions): DataShape {
  const { rowCount } = options;
  if (rowCount > 0 && isConstant(values, rowCount)) {
    writer.uint8(values[0] === 0 ? 0 : 1);
    return shapeOf(ENCODING.CONSTANT);
  }
  if (!options.narrow) {
    writeTyped(writer, values, rowCount);
    return shapeOf(ENCODING.RAW);
  }
  const sizeBytes = (rowCount + 7) >> 3;
  writer.ensure(sizeBytes);
  const { bytes, position } = writer;
  bytes.fill(0, position, position + sizeBytes);
  for (let row = 0; row < rowCount; row++) {
    if (values[row] !== 0) bytes[position + (row >> 3)] |= 1 << (row & 7);
  }
  writer.position += sizeBytes;
  return shapeOf(ENCODING.BITS);
}

/** Narrow arrays: lengths and codes, padded. */
function writeUnsigned(
  writer: ByteWriter,
  from: { values: Int32Array; count: number; width: number },
): void {
  const { values, count, width } = from;
  const sizeBytes = align8(count * width);
  writer.ensure(sizeBytes);
  const { bytes, position } = writer;
  if (width === 1) for (let row = 0; row < count; row++) bytes[position + row] = values[row];
  else if (width === 2) {
    const target = new Uint16Array(bytes.buffer, position, count);
    for (let row = 0; row < count; row++) target[row] = values[row];
  } else {
    const target = new Uint32Array(bytes.buffer, position, count);
    for (let row = 0; row < count; row++) target[row] = values[row];
  }
  bytes.fill(0, position + count * width, position + sizeBytes);
  writer.position += sizeBytes;
}

const WIDE = 1;

/** Lengths of the strings that are being written. */
let lengthsScratch = new Int32Array(2048);

function scratchLengths(count: number): Int32Array {
  if (lengthsScratch.length < count) lengthsScratch = new Int32Array(count * 2);
  return lengthsScratch;
}

function encodeStrings(writer: ByteWriter, column: StringColumn, options: DataOptions): DataShape {
  const { rowCount } = options;
  const { codes, dictionary, presence } = column;
  if (codes !== undefined && dictionary.length > 0 && rowCount > 0) {
    const clean = withZeros(codes, presence, rowCount);
    const width = lengthWidth(dictionary.length - 1) || 1;
    writeUnsigned(writer, { values: clean, count: rowCount, width });
    const joined = joinStrings(dictionary, dictionary.length, undefined);
    const lengthsWidth = lengthWidth(joined.longest) || 1;
    writeUnsigned(writer, { ...joined, count: dictionary.length, width: lengthsWidth });
    const textFlags = (writeTexts(writer, joined.text) ? WIDE : 0) | (lengthsWidth << 4);
    return shapeOf(ENCODING.DICTIONARY, width, dictionary.length, textFlags);
  }
  const joined = joinColumn(column, rowCount);
  const shape = writeLengths(writer, joined.values, { count: rowCount, longest: joined.longest });
  return { ...shape, textFlags: writeTexts(writer, joined.text) ? WIDE : 0 };
}

/** Strings one after another, and their lengths; the latter valid until the next joining. */
interface Joined {
  readonly text: string;
  readonly values: Int32Array;
  readonly longest: number;
}

function joinColumn(column: StringColumn, rowCount: number): Joined {
  const { text, ends } = column;
  if (text === undefined || ends === undefined) {
    return joinStrings(column.values, rowCount, column.presence);
  }
  const values = scratchLengths(rowCount);
  let longest = 0;
  for (let row = 0; row < rowCount; row++) {
    const length = ends[row + 1] - ends[row];
    values[row] = length;
    if (length > longest) longest = length;
  }
  return { text: text.substring(0, ends[rowCount]), values, longest };
}

/** Rows without a value are empty, whatever is in their slot. */
function joinStrings(strings: readonly string[], count: number, presence: Presence): Joined {
  const values = scratchLengths(count);
  let longest = 0;
  // A rope, which is made flat when it is written; `join` looks at every element twice.
  let text = "";
  for (let row = 0; row < count; row++) {
    const string = presence === undefined || presence[row] === PRESENT ? strings[row] : "";
    const { length } = string;
    text += string;
    values[row] = length;
    if (length > longest) longest = length;
  }
  return { text, values, longest };
}

/** Packed lengths: none where all are equal. */
function writeLengths(
  writer: ByteWriter,
  lengths: Int32Array,
  of: { count: number; longest: number },
): DataShape {
  const { count, longest } = of;
  let isEqual = true;
  for (let row = 0; row < count && isEqual; row++) isEqual = lengths[row] === longest;
  if (isEqual) return shapeOf(ENCODING.PACKED, 0, longest);
  const width = lengthWidth(longest) || 1;
  writeUnsigned(writer, { values: lengths, count, width });
  return shapeOf(ENCODING.PACKED, width);
}

/** Writes the text; true if wide. */
function writeTexts(writer: ByteWriter, text: string): boolean {
  const wide = !isLatin1(text);
  writer.text(text, wide);
  return wide;
}

interface Slices {
  readonly bytes: Uint8Array;
  readonly starts: Int32Array;
  readonly ends: Int32Array;
  readonly presence: Presence;
  readonly rowCount: number;
}

function encodeSlices(writer: ByteWriter, slices: Slices): DataShape {
  const { bytes, starts, ends, presence, rowCount } = slices;
  const lengths = new Int32Array(rowCount);
  let longest = 0;
  let isContiguous = presence === undefined;
  for (let row = 0; row < rowCount; row++) {
    const length =
      presence === undefined || presence[row] === PRESENT ? ends[row] - starts[row] : 0;
    assert(length >= 0, "a slice ends before it starts");
    lengths[row] = length;
    if (length > longest) longest = length;
    if (row > 0 && starts[row] !== ends[row - 1]) isContiguous = false;
  }
  const shape = writeLengths(writer, lengths, { count: rowCount, longest });
  if (rowCount === 0) return shape;
  if (isContiguous) {
    writer.raw(bytes.subarray(starts[0], ends[rowCount - 1]));
    return shape;
  }
  for (let row = 0; row < rowCount; row++) {
    if (lengths[row] > 0) writer.raw(bytes.subarray(starts[row], starts[row] + lengths[row]));
  }
  return shape;
}

const VALUE_WRITER = new ByteWriter(16384);

function encodeValues(writer: ByteWriter, column: ValueColumn, rowCount: number): DataShape {
  const { encoded, presence } = column;
  if (encoded !== undefined) {
    const { bytes, offsets } = encoded;
    return encodeSlices(writer, {
      bytes,
      starts: offsets,
      ends: offsets.subarray(1),
      presence,
      rowCount,
    });
  }
  const offsets = new Int32Array(rowCount + 1);
  const { values } = column;
  VALUE_WRITER.reset();
  for (let row = 0; row < rowCount; row++) {
    if (presence === undefined || presence[row] === PRESENT) writeAny(VALUE_WRITER, values[row]);
    offsets[row + 1] = VALUE_WRITER.position;
  }
  return encodeSlices(writer, {
    bytes: VALUE_WRITER.bytes,
    starts: offsets,
    ends: offsets.subarray(1),
    presence: undefined,
    rowCount,
  });
}
