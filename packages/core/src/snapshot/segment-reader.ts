/*
 * SegmentReader: the rows of a segment as columns, for some of its key groups, every part checked.
 * Format: docs/formats/segment.md.
 *
 * I1. Bytes that are not what was written are SEGMENT_CORRUPTED with file and offset, before a row
 *     of the damaged part is given out.
 * I2. All tombstones come before all puts, as they must be applied.
 * I3. A segment that a snapshot names is the one that it means: what both say of it is compared
 *     (`openSegment`); `verify` compares all bytes.
 */
import { crc32 } from "node:zlib";
import { assert } from "../assert.ts";
import type { Block } from "../columns/block.ts";
import { decodeBlock } from "../columns/block-decoder.ts";
import type { Files, ReadableFile } from "../env/files.ts";
import { errorCode } from "../errors.ts";
import type { RowColumns } from "../state/row-chunk.ts";
import { typeOfSchema } from "../types/schema.ts";
import type { Type } from "../types/type.ts";
import { decodeCheckedText } from "./checked-text.ts";
import type { SegmentHandle } from "./metadata.ts";
import { keyGroupsOf, rowsOfBlock } from "./segment-blocks.ts";
import {
  alignOffset,
  checkSegmentHeader,
  decodeSegmentTrailer,
  FOOTER_FORMAT,
  INDEX_COLUMNS,
  ROW_KINDS,
  SEGMENT_HEADER_BYTES,
  SEGMENT_TRAILER_BYTES,
  segmentCorrupted,
  type IndexEntry,
  type SegmentFooter,
} from "./segment-format.ts";

/** Bytes read at once by `verify`. */
const VERIFY_BYTES = 1024 * 1024;

/** Key groups `[start, end)`. */
export interface KeyGroups {
  readonly start: number;
  readonly end: number;
}

/** Which segment to open. */
export interface SegmentSource {
  /** What `handle.file` is relative to. */
  readonly directory: string;
  /** What the snapshot says of the segment. */
  readonly handle: SegmentHandle;
  /** The operator that the snapshot says it is of; undefined: not compared. */
  readonly uid?: string | undefined;
}

/** Opens a segment that a snapshot names, and compares what both say of it. */
export async function openSegment(files: Files, source: SegmentSource): Promise<SegmentReader> {
  const { directory, handle } = source;
  const path = `${directory}/${handle.file}`;
  const segment = await openSegmentFile(files, path, handle);
  try {
    checkIdentity(path, segment.footer, source);
    return segment;
  } catch (error) {
    await segment.close();
    throw error;
  }
}

/**
 * Opens a segment: reads and checks header, trailer, footer and index. Throws SEGMENT_CORRUPTED
 * (also where the file is missing or of another size), SEGMENT_VERSION_UNSUPPORTED, FILE_IO. Close
 * it.
 */
export async function openSegmentFile(
  files: Files,
  path: string,
  handle?: SegmentHandle,
): Promise<SegmentReader> {
  const file = await files.open(path).catch((error: unknown) => {
    if (errorCode(error) !== "FILE_NOT_FOUND") throw error;
    throw segmentCorrupted(path, 0, "it is missing", error);
  });
  try {
    if (handle !== undefined && handle.sizeBytes !== file.sizeBytes) {
      const reason = `it has ${file.sizeBytes} bytes, the snapshot says ${handle.sizeBytes}`;
      throw segmentCorrupted(path, Math.min(file.sizeBytes, handle.sizeBytes), reason);
    }
    checkSegmentHeader(path, await file.read(0, SEGMENT_HEADER_BYTES));
    const trailerOffset = Math.max(0, file.sizeBytes - SEGMENT_TRAILER_BYTES);
    const trailerBytes = await file.read(trailerOffset, SEGMENT_TRAILER_BYTES);
    const trailer = decodeSegmentTrailer(path, trailerBytes, file.sizeBytes);
    const { indexOffset, indexSizeBytes, footerSizeBytes } = trailer;
    const tail = await file.read(indexOffset, trailerOffset - indexOffset);
    const index = readIndex(path, tail.subarray(0, indexSizeBytes), indexOffset);
    const footerAt = alignOffset(indexOffset + indexSizeBytes) - indexOffset;
    checkGap(path, indexOffset, tail.subarray(indexSizeBytes, footerAt));
    checkGap(path, indexOffset + footerAt, tail.subarray(footerAt + footerSizeBytes));
    const footerBytes = tail.subarray(footerAt, footerAt + footerSizeBytes);
    const footer = readFooter(path, footerBytes, indexOffset + footerAt);
    return new SegmentReader(path, file, { footer, index, indexOffset });
  } catch (error) {
    await file.close();
    throw error;
  }
}

interface SegmentParts {
  readonly footer: SegmentFooter;
  readonly index: readonly IndexEntry[];
  readonly indexOffset: number;
}

/** See the file header; made by `openSegment`. */
export class SegmentReader {
  /** What the segment says about itself. */
  readonly footer: SegmentFooter;
  readonly #path: string;
  readonly #file: ReadableFile;
  readonly #index: readonly IndexEntry[];
  readonly #indexOffset: number;

  constructor(path: string, file: ReadableFile, parts: SegmentParts) {
    this.#path = path;
    this.#file = file;
    this.footer = parts.footer;
    this.#index = parts.index;
    this.#indexOffset = parts.indexOffset;
  }

  /** Type of the operator's key. */
  get keyType(): Type<unknown> {
    return typeOfSchema(this.footer.keySchema);
  }

  /**
   * The rows of some key groups (default: all), a block at a time, in the order in which they
   * apply. `dropped` rows come always; they speak for the segment's key groups only
   * (`droppedRange`), which matters to who combines segments of several subtasks.
   */
  async *rows(keyGroups?: KeyGroups): AsyncGenerator<RowColumns> {
    const { keyGroupStart, keyGroupEnd } = this.footer;
    const start = Math.max(keyGroupStart, keyGroups?.start ?? 0);
    const end = Math.min(keyGroupEnd, keyGroups?.end ?? keyGroupEnd);
    if (start >= end) return;
    for (let kind = 0; kind < ROW_KINDS.length; kind++) {
      const isRanged = ROW_KINDS[kind] !== "dropped";
      for (let i = 0; i < this.#index.length; i++) {
        const entry = this.#index[i];
        if (entry.kind !== kind) continue;
        if (isRanged && (entry.last < start || entry.first >= end)) continue;
        const rows = await this.#read(i, { start, end });
        if (rows.count > 0) yield rows;
      }
    }
  }

  /** Reads the whole file and compares its CRC-32 with the snapshot's. Throws SEGMENT_CORRUPTED. */
  async verify(checksum: number): Promise<void> {
    let actual = 0;
    for (let at = 0; at < this.#file.sizeBytes; at += VERIFY_BYTES) {
      actual = crc32(await this.#file.read(at, VERIFY_BYTES), actual);
    }
    if (actual === checksum) return;
    // Which part it is, where a part has a checksum of its own.
    for await (const rows of this.rows()) assert(rows.count > 0, "blocks have rows");
    throw segmentCorrupted(this.#path, 0, "its checksum is not the one in the snapshot");
  }

  async close(): Promise<void> {
    await this.#file.close();
  }

  async #read(position: number, wanted: KeyGroups): Promise<RowColumns> {
    const entry = this.#index[position];
    const kind = ROW_KINDS[entry.kind];
    const table = this.footer.tables[entry.table];
    const { offset, size } = entry;
    // Blocks are followed by zeros up to the next one, or up to the index.
    const end = this.#index[position + 1]?.offset ?? this.#indexOffset;
    const bytes = await this.#file.read(offset, end - offset);
    checkGap(this.#path, offset + size, bytes.subarray(size));
    try {
      const origin = { file: this.#path, offset, requireChecksum: true };
      const block = decodeBlock(bytes.subarray(0, size), origin);
      if (block.rowCount !== entry.rows) throw new RangeError("it has another number of rows");
      if (table === undefined) throw new RangeError("its table is not in the footer");
      const rows = rowsOfBlock(block, table, { kind, ...partOf(block, wanted) });
      if (kind !== "dropped") return rows;
      const { keyGroupStart, keyGroupEnd } = this.footer;
      return { ...rows, droppedRange: { start: keyGroupStart, end: keyGroupEnd } };
    } catch (error) {
      throw damagedBy(error, this.#path, offset);
    }
  }
}

/** The rows of a block whose key group is wanted. */
function partOf(block: Block, wanted: KeyGroups): KeyGroups {
  const groups = keyGroupsOf(block);
  if (groups === undefined) return { start: 0, end: block.rowCount };
  return {
    start: firstAtLeast(groups, block.rowCount, wanted.start),
    end: firstAtLeast(groups, block.rowCount, wanted.end),
  };
}

function firstAtLeast(sorted: Int32Array, count: number, bound: number): number {
  let low = 0;
  let high = count;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (sorted[middle] < bound) low = middle + 1;
    else high = middle;
  }
  return low;
}

function readIndex(path: string, bytes: Uint8Array, offset: number): IndexEntry[] {
  try {
    const block = decodeBlock(bytes, { file: path, offset, requireChecksum: true });
    const valuesOf = (name: string): ArrayLike<number> => {
      const column = block.columns.find((other) => other.name === name)?.column;
      if (column?.kind === "int32" || column?.kind === "float64") return column.values;
      throw new RangeError(`the index has no column ${name}`);
    };
    const columns = INDEX_COLUMNS.map(valuesOf);
    const offsets = valuesOf("offset");
    return Array.from({ length: block.rowCount }, (_, row) => {
      const [kind, table, run, first, last, size, rows] = columns.map((values) => values[row]);
      const at = offsets[row];
      if (at % 8 !== 0 || at < SEGMENT_HEADER_BYTES || at + size > offset) {
        throw new RangeError(`block ${row} of the index lies outside of the file's rows`);
      }
      return { kind, table, run, first, last, size, rows, offset: at };
    });
  } catch (error) {
    throw damagedBy(error, path, offset);
  }
}

function readFooter(path: string, bytes: Uint8Array, offset: number): SegmentFooter {
  try {
    return decodeCheckedText(FOOTER_FORMAT, path, bytes).value as SegmentFooter;
  } catch (error) {
    if (errorCode(error) === "METADATA_VERSION_UNSUPPORTED") throw error;
    throw damagedBy(error, path, offset, "the footer: ");
  }
}

/** A whole segment in the place of another is SEGMENT_CORRUPTED too. */
function checkIdentity(path: string, footer: SegmentFooter, source: SegmentSource): void {
  const { handle, uid = footer.uid } = source;
  const members: readonly [what: string, found: unknown, wanted: unknown][] = [
    ["operator", footer.uid, uid],
    ["checkpoint", footer.checkpointId, handle.createdBy],
    ["kind", footer.kind, handle.kind],
    ["first key group", footer.keyGroupStart, handle.keyGroupStart],
    ["end of key groups", footer.keyGroupEnd, handle.keyGroupEnd],
    ["rows", footer.rowsCount, handle.rowsCount],
    ["tombstones", footer.tombstonesCount, handle.tombstonesCount],
  ];
  for (const [what, found, wanted] of members) {
    if (found === wanted) continue;
    const both = `${what}: ${String(found)}, the snapshot says ${String(wanted)}`;
    throw segmentCorrupted(path, 0, `it is another segment; ${both}`);
  }
}

function checkGap(path: string, offset: number, gap: Uint8Array): void {
  const at = gap.findIndex((byte) => byte !== 0);
  if (at >= 0) throw segmentCorrupted(path, offset + at, "a byte between two parts is not zero");
}

/**
 * What a part of a segment was refused with, as the segment's error: its reason alone, since the
 * part's own message names file and offset too.
 */
function damagedBy(error: unknown, path: string, offset: number, part = ""): Error {
  const { details } = error as { readonly details?: { readonly reason?: unknown } };
  const isOfPart = typeof details?.reason === "string";
  const text = isOfPart ? String(details.reason) : (error as Error).message.replace(/\.$/, "");
  return segmentCorrupted(path, offset, part + text, isOfPart ? undefined : error);
}
