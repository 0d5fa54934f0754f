/*
 * Decodes a block. Normative: `docs/formats/block.md`.
 *
 * I1. Numbers that lie aligned in the given bytes are not copied: the columns are views, and the
 *     bytes must not change any more. Everything else is decoded into arrays of its own.
 * I2. What does not fit the format is BLOCK_CORRUPTED with the file and offset that the caller
 *     gave.
 */
import { zstdDecompressSync } from "node:zlib";
import { oxbowError } from "../errors.ts";
import { ByteReader } from "../types/byte-reader.ts";
import {
  align8,
  BLOCK_FLAG,
  BLOCK_HEADER_SIZE,
  BLOCK_MAGIC,
  BLOCK_VERSION,
  DIRECTORY_ENTRY_SIZE,
  KIND_NUMBERS,
  MAX_BLOCK_ROWS,
  ROLES,
  zlibChunkSize,
} from "./block.ts";
import type { Block, BlockColumn, ColumnRole } from "./block.ts";
import { blockChecksum } from "./block-encoder.ts";
import type { ColumnKind } from "./column.ts";
import { plainBytes } from "./column.ts";
import { decodeColumn } from "./column-decoder.ts";

/** Where a block came from, for errors, and what is expected of it. */
export interface BlockOrigin {
  /** File, or the name of a channel. */
  readonly file: string;
  /** First byte of the block in the file. */
  readonly offset: number;
  /** Refuse blocks without checksum; for all storage. */
  readonly requireChecksum: boolean;
}

interface Header {
  readonly isCompressed: boolean;
  readonly columnCount: number;
  readonly rowCount: number;
  readonly schemaSizeBytes: number;
  readonly bodyStart: number;
  readonly storedSizeBytes: number;
  readonly bodySizeBytes: number;
}

/** Decodes the block that fills `source` exactly. */
export function decodeBlock(source: Uint8Array, origin: BlockOrigin): Block {
  const bytes = plainBytes(source);
  try {
    const header = readHeader(bytes, origin);
    const schema = readSchema(bytes, header);
    const body = bodyOf(bytes, header);
    return { rowCount: header.rowCount, columns: readColumns(body, schema, header) };
  } catch (error) {
    throw corruptedBy(error, origin);
  }
}

/** Size of the block that begins at `bytes[0]`, from its first 32 bytes. */
export function blockSizeBytes(bytes: Uint8Array, origin: BlockOrigin): number {
  const view = headerView(bytes, origin);
  const schemaSize = view.getUint32(12, true);
  return align8(BLOCK_HEADER_SIZE + schemaSize) + view.getUint32(16, true);
}

function headerView(bytes: Uint8Array, origin: BlockOrigin): DataView {
  if (bytes.length < BLOCK_HEADER_SIZE) throw corrupted("it is shorter than a header", origin);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (view.getUint32(0, true) !== BLOCK_MAGIC) throw corrupted("no block begins here", origin);
  if (bytes[4] !== BLOCK_VERSION) {
    throw corrupted(`its version is ${bytes[4]}, known is ${BLOCK_VERSION}`, origin);
  }
  return view;
}

function readHeader(bytes: Uint8Array, origin: BlockOrigin): Header {
  const view = headerView(bytes, origin);
  const flags = bytes[5];
  if (flags > (BLOCK_FLAG.CHECKSUM | BLOCK_FLAG.COMPRESSED))
    throw corrupted("unknown flags", origin);
  const hasChecksum = (flags & BLOCK_FLAG.CHECKSUM) !== 0;
  if (!hasChecksum && origin.requireChecksum) throw corrupted("it has no checksum", origin);
  const header: Header = {
    isCompressed: (flags & BLOCK_FLAG.COMPRESSED) !== 0,
    columnCount: view.getUint16(6, true),
    rowCount: view.getUint32(8, true),
    schemaSizeBytes: view.getUint32(12, true),
    bodyStart: align8(BLOCK_HEADER_SIZE + view.getUint32(12, true)),
    storedSizeBytes: view.getUint32(16, true),
    bodySizeBytes: view.getUint32(20, true),
  };
  const sizeBytes = header.bodyStart + header.storedSizeBytes;
  if (bytes.length !== sizeBytes) {
    throw corrupted(`it should have ${sizeBytes} bytes, but has ${bytes.length}`, origin);
  }
  if (hasChecksum && blockChecksum(bytes) !== view.getUint32(28, true)) {
    throw corrupted("its checksum is wrong", origin);
  }
  if (header.rowCount > MAX_BLOCK_ROWS) throw corrupted("it has too many rows", origin);
  return header;
}

interface SchemaColumn {
  readonly kind: ColumnKind;
  readonly role: ColumnRole;
  readonly name: string;
}

const KINDS = Object.keys(KIND_NUMBERS) as readonly ColumnKind[];
/** Schemas that are kept parsed; frames of an edge repeat theirs. */
const MAX_SCHEMAS = 1024;
const SCHEMAS = new Map<string, readonly SchemaColumn[]>();

function readSchema(bytes: Uint8Array, header: Header): readonly SchemaColumn[] {
  const end = BLOCK_HEADER_SIZE + header.schemaSizeBytes;
  const key = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString(
    "latin1",
    BLOCK_HEADER_SIZE,
    end,
  );
  const known = SCHEMAS.get(key);
  if (known !== undefined && known.length === header.columnCount) return known;
  const reader = new ByteReader(bytes, BLOCK_HEADER_SIZE, end);
  const schema: SchemaColumn[] = [];
  for (let index = 0; index < header.columnCount; index++) {
    const kind = KINDS[reader.uint8() - 1];
    const role = ROLES[reader.uint8()];
    if (kind === undefined || role === undefined) reader.fail("a column has an unknown kind");
    schema.push({ kind, role, name: reader.string() });
  }
  if (reader.remaining() !== 0) reader.fail("bytes follow the schema");
  if (SCHEMAS.size >= MAX_SCHEMAS) SCHEMAS.clear();
  SCHEMAS.set(key, schema);
  return schema;
}

function bodyOf(bytes: Uint8Array, header: Header): Uint8Array {
  const stored = bytes.subarray(header.bodyStart);
  if (!header.isCompressed) {
    if (stored.length !== header.bodySizeBytes) throw new RangeError("the body has a wrong size");
    return stored;
  }
  const maxOutputLength = Math.max(1, header.bodySizeBytes);
  const chunkSize = zlibChunkSize(header.bodySizeBytes);
  const body = plainBytes(zstdDecompressSync(stored, { maxOutputLength, chunkSize }));
  if (body.length !== header.bodySizeBytes) throw new RangeError("the body has a wrong size");
  return body;
}

function readColumns(
  body: Uint8Array,
  schema: readonly SchemaColumn[],
  header: Header,
): readonly BlockColumn[] {
  const view = new DataView(body.buffer, body.byteOffset, body.byteLength);
  return schema.map(({ kind, role, name }, index) => {
    const at = index * DIRECTORY_ENTRY_SIZE;
    const column = decodeColumn(body, {
      kind,
      rowCount: header.rowCount,
      encoding: view.getUint8(at),
      width: view.getUint8(at + 1),
      hasPresence: view.getUint8(at + 2) === 1,
      textFlags: view.getUint8(at + 3),
      start: view.getUint32(at + 4, true),
      sizeBytes: view.getUint32(at + 8, true),
      extra: view.getUint32(at + 12, true),
    });
    return { name, role, column };
  });
}

function corrupted(reason: string, origin: BlockOrigin): Error {
  return oxbowError(
    "BLOCK_CORRUPTED",
    `The block at offset ${origin.offset} of ${origin.file} cannot be read: ${reason}. ` +
      "The file was truncated or damaged after it was written; restore it from another copy.",
    { file: origin.file, offset: origin.offset, reason },
  );
}

function corruptedBy(error: unknown, origin: BlockOrigin): unknown {
  if (error instanceof Error && "code" in error && error.code === "BLOCK_CORRUPTED") return error;
  const reason = error instanceof Error ? error.message : String(error);
  return corrupted(reason.replace(/\.$/, ""), origin);
}
