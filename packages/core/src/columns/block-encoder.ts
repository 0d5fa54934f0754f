/*
 * Encodes columns as a block. Normative: `docs/formats/block.md`.
 *
 * Owns: layout, header, checksum, compression. The data of a column: `column-encoder.ts`.
 *
 * I1. Columns are only read; nothing of them is kept.
 * I2. With the same columns and options, the bytes are the same.
 */
import { crc32, zstdCompressSync } from "node:zlib";
import { assert } from "../assert.ts";
import { OxbowError, oxbowError } from "../errors.ts";
import { ByteWriter } from "../types/byte-writer.ts";
import { fieldPath } from "../types/transferable.ts";
import {
  align8,
  BLOCK_FLAG,
  BLOCK_HEADER_SIZE,
  BLOCK_MAGIC,
  BLOCK_VERSION,
  DIRECTORY_ENTRY_SIZE,
  KIND_NUMBERS,
  MAX_BLOCK_COLUMNS,
  MAX_BLOCK_ROWS,
  ROLES,
  zlibChunkSize,
} from "./block.ts";
import type { BlockColumn, BlockOptions, SlicesColumn } from "./block.ts";
import type { Column } from "./column.ts";
import { encodeData, encodePresence } from "./column-encoder.ts";
import type { DataOptions, DataShape } from "./column-encoder.ts";

/** What can be encoded. */
export type EncodableColumn = BlockColumn<Column | SlicesColumn>;

/** What an encoder needs to know. */
export interface BlockSource {
  readonly columns: readonly EncodableColumn[];
  readonly rowCount: number;
}

/**
 * Appends a block and returns where it starts: at the next multiple of 8 in the writer. Values that
 * may not travel are RECORD_NOT_TRANSFERABLE with `details.path`.
 */
export function encodeBlock(
  writer: ByteWriter,
  source: BlockSource,
  options: BlockOptions,
): number {
  const { columns, rowCount } = source;
  assert(rowCount >= 0 && rowCount <= MAX_BLOCK_ROWS, "a block has too many rows");
  assert(columns.length <= MAX_BLOCK_COLUMNS, "a block has too many columns");
  pad(writer);
  const start = writer.position;
  writer.ensure(BLOCK_HEADER_SIZE);
  writer.position += BLOCK_HEADER_SIZE;
  writeSchema(writer, columns);
  const schemaSizeBytes = writer.position - start - BLOCK_HEADER_SIZE;
  pad(writer);
  const bodyStart = writer.position;
  writeBody(writer, source, options);
  const bodySizeBytes = writer.position - bodyStart;
  const isCompressed = options.compress && compressBody(writer, bodyStart);
  writeHeader(writer, start, {
    flags:
      (options.checksum ? BLOCK_FLAG.CHECKSUM : 0) | (isCompressed ? BLOCK_FLAG.COMPRESSED : 0),
    columnCount: columns.length,
    rowCount,
    schemaSizeBytes,
    storedSizeBytes: writer.position - bodyStart,
    bodySizeBytes,
  });
  return start;
}

/** A block in bytes of its own. */
export function encodeBlockToBytes(source: BlockSource, options: BlockOptions): Uint8Array {
  const writer = new ByteWriter(4096);
  encodeBlock(writer, source, options);
  return writer.copy();
}

function writeSchema(writer: ByteWriter, columns: readonly EncodableColumn[]): void {
  for (const { name, role, column } of columns) {
    writer.uint8(KIND_NUMBERS[column.kind === "slices" ? "bytes" : column.kind]);
    writer.uint8(ROLES.indexOf(role));
    writer.string(name);
  }
}

function writeBody(writer: ByteWriter, source: BlockSource, options: BlockOptions): void {
  const { columns, rowCount } = source;
  const bodyStart = writer.position;
  const directorySize = columns.length * DIRECTORY_ENTRY_SIZE;
  writer.ensure(directorySize);
  writer.bytes.fill(0, bodyStart, bodyStart + directorySize);
  writer.position += directorySize;
  for (let index = 0; index < columns.length; index++) {
    const { column } = columns[index];
    assert(column.count >= rowCount, "a column has fewer rows than its block");
    const sectionStart = writer.position;
    const hasPresence = encodePresence(writer, column.presence, rowCount);
    const shape = encodeNamed(writer, columns[index], { rowCount, narrow: options.narrow });
    const sectionSize = writer.position - sectionStart;
    pad(writer);
    const at = bodyStart + index * DIRECTORY_ENTRY_SIZE;
    writer.bytes[at] = shape.encoding;
    writer.bytes[at + 1] = shape.width;
    writer.bytes[at + 2] = hasPresence ? 1 : 0;
    writer.bytes[at + 3] = shape.textFlags;
    writer.bytes.writeUInt32LE(sectionStart - bodyStart, at + 4);
    writer.bytes.writeUInt32LE(sectionSize, at + 8);
    writer.bytes.writeUInt32LE(shape.extra, at + 12);
  }
}

/** Refusals inside values get the name of their field. */
function encodeNamed(writer: ByteWriter, source: EncodableColumn, options: DataOptions): DataShape {
  const { name, role, column } = source;
  if (column.kind !== "value") return encodeData(writer, column, options);
  try {
    return encodeData(writer, column, options);
  } catch (error) {
    if (role !== "field" || !(error instanceof OxbowError)) throw error;
    const { path } = error.details;
    if (error.code !== "RECORD_NOT_TRANSFERABLE" || typeof path !== "string") throw error;
    const details = { ...error.details, path: pathInField(name, path) };
    throw oxbowError(error.code, error.message, details);
  }
}

/** The path of a refusal inside a field. */
function pathInField(name: string, inner: string): string {
  const outer = fieldPath("", name);
  if (inner === "") return outer;
  return inner.startsWith("[") || inner.startsWith("<") ? outer + inner : `${outer}.${inner}`;
}

/** Zero bytes up to the next multiple of 8. */
export function pad(writer: ByteWriter): void {
  const end = align8(writer.position);
  writer.ensure(end - writer.position);
  while (writer.position < end) writer.bytes[writer.position++] = 0;
}

/** A body that compression makes hardly smaller is read faster as it is. */
const COMPRESSED_SHARE_MAX = 7 / 8;

/** Puts the compressed body in the place of the body, if that pays. */
function compressBody(writer: ByteWriter, bodyStart: number): boolean {
  const body = writer.bytes.subarray(bodyStart, writer.position);
  const compressed = zstdCompressSync(body, { chunkSize: zlibChunkSize(body.length) });
  if (compressed.length > body.length * COMPRESSED_SHARE_MAX) return false;
  writer.position = bodyStart;
  writer.raw(compressed);
  return true;
}

interface Header {
  readonly flags: number;
  readonly columnCount: number;
  readonly rowCount: number;
  readonly schemaSizeBytes: number;
  readonly storedSizeBytes: number;
  readonly bodySizeBytes: number;
}

function writeHeader(writer: ByteWriter, start: number, header: Header): void {
  const { bytes } = writer;
  bytes.writeUInt32LE(BLOCK_MAGIC, start);
  bytes[start + 4] = BLOCK_VERSION;
  bytes[start + 5] = header.flags;
  bytes.writeUInt16LE(header.columnCount, start + 6);
  bytes.writeUInt32LE(header.rowCount, start + 8);
  bytes.writeUInt32LE(header.schemaSizeBytes, start + 12);
  bytes.writeUInt32LE(header.storedSizeBytes, start + 16);
  bytes.writeUInt32LE(header.bodySizeBytes, start + 20);
  bytes.writeUInt32LE(0, start + 24);
  const checksum =
    (header.flags & BLOCK_FLAG.CHECKSUM) === 0
      ? 0
      : blockChecksum(bytes.subarray(start, writer.position));
  bytes.writeUInt32LE(checksum, start + 28);
}

/** CRC-32 of a block but for its checksum field. */
export function blockChecksum(block: Uint8Array): number {
  return crc32(block.subarray(BLOCK_HEADER_SIZE), crc32(block.subarray(0, 28)));
}
