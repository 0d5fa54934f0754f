/*
 * What writer and reader of segments share: constants, header, trailer, and the shapes of footer
 * and index. Normative: docs/formats/segment.md.
 */
import { crc32 } from "node:zlib";
import { oxbowError, type OxbowError } from "../errors.ts";
import type { CheckpointId } from "../state/barrier.ts";
import type { ChunkKind } from "../state/row-chunk.ts";
import type { CheckedTextFormat } from "./checked-text.ts";

/** "OXBOWSEG". */
const MAGIC = new Uint8Array([0x4f, 0x58, 0x42, 0x4f, 0x57, 0x53, 0x45, 0x47]);

/** Version that is written; all versions from 1 are read. */
export const SEGMENT_VERSION = 1;
export const SEGMENT_HEADER_BYTES = 16;
export const SEGMENT_TRAILER_BYTES = 40;

/** Most rows of a block, and about how many bytes it may have before it is cut. */
export const BLOCK_ROWS_MAX = 8192;
export const BLOCK_BYTES_GOAL = 256 * 1024;

/** Keys of 4, 8, … bytes up to so many words are stored as columns of words. */
export const KEY_WORDS_MAX = 8;

/** Envelope of the footer. */
export const FOOTER_FORMAT: CheckedTextFormat = { magic: "oxbow-segment", version: 1 };

/** Kinds of rows by their number in the format, which is the order in which they apply. */
export const ROW_KINDS: readonly ChunkKind[] = ["dropped", "cleared", "tombstones", "puts"];

/** How values of a column lie in a row and in a segment. */
export type ColumnKindName = "u8" | "i32" | "f64" | "i64" | "var";

/** A table, as the footer describes it. */
export interface SegmentTable {
  readonly name: string;
  readonly hasNamespaces: boolean;
  readonly hasMapKeys: boolean;
  readonly columns: readonly { readonly name: string; readonly kind: ColumnKindName }[];
}

/** What a segment says about itself. */
export interface SegmentFooter {
  readonly kind: "full" | "delta";
  readonly uid: string;
  readonly checkpointId: CheckpointId;
  readonly keyGroupStart: number;
  readonly keyGroupEnd: number;
  readonly maxParallelism: number;
  readonly rowsCount: number;
  readonly tombstonesCount: number;
  readonly runsCount: number;
  readonly keySchema: unknown;
  readonly tables: readonly SegmentTable[];
  readonly schemas: Readonly<Record<string, unknown>>;
}

/** One row of the index: a block. */
export interface IndexEntry {
  /** Position in `ROW_KINDS`. */
  readonly kind: number;
  /** Position in `SegmentFooter.tables`. */
  readonly table: number;
  readonly run: number;
  /** Least and greatest key group. */
  readonly first: number;
  readonly last: number;
  readonly offset: number;
  readonly size: number;
  readonly rows: number;
}

/** Columns of the index block, in order. */
export const INDEX_COLUMNS = ["kind", "table", "run", "first", "last", "size", "rows"] as const;

/** Where the parts at the end lie. */
export interface SegmentTrailer {
  readonly indexOffset: number;
  readonly indexSizeBytes: number;
  readonly footerSizeBytes: number;
  readonly fileSizeBytes: number;
}

/** The next multiple of 8, for file offsets. */
export function alignOffset(offset: number): number {
  return Math.ceil(offset / 8) * 8;
}

export function encodeSegmentHeader(): Uint8Array {
  const bytes = new Uint8Array(SEGMENT_HEADER_BYTES);
  bytes.set(MAGIC);
  const view = new DataView(bytes.buffer);
  view.setUint32(8, SEGMENT_VERSION, true);
  view.setUint32(12, crc32(bytes.subarray(0, 12)), true);
  return bytes;
}

/** Throws SEGMENT_CORRUPTED or SEGMENT_VERSION_UNSUPPORTED. */
export function checkSegmentHeader(file: string, bytes: Uint8Array): void {
  if (bytes.length < SEGMENT_HEADER_BYTES) throw segmentCorrupted(file, bytes.length, CUT);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (!hasMagic(bytes, 0)) throw segmentCorrupted(file, 0, "it is not a segment");
  if (view.getUint32(12, true) !== crc32(bytes.subarray(0, 12))) {
    throw segmentCorrupted(file, 0, "the header's checksum is wrong");
  }
  const version = view.getUint32(8, true);
  if (version >= 1 && version <= SEGMENT_VERSION) return;
  const message =
    `${file} has version ${version} of the segment format; this Oxbow reads up to ` +
    `${SEGMENT_VERSION}. Use the version of Oxbow that wrote it, or a newer one.`;
  throw oxbowError("SEGMENT_VERSION_UNSUPPORTED", message, { file, version });
}

export function encodeSegmentTrailer(trailer: SegmentTrailer): Uint8Array {
  const bytes = new Uint8Array(SEGMENT_TRAILER_BYTES);
  const view = new DataView(bytes.buffer);
  view.setBigUint64(0, BigInt(trailer.indexOffset), true);
  view.setUint32(8, trailer.indexSizeBytes, true);
  view.setUint32(12, trailer.footerSizeBytes, true);
  view.setBigUint64(16, BigInt(trailer.fileSizeBytes), true);
  view.setUint32(28, crc32(bytes.subarray(0, 28)), true);
  bytes.set(MAGIC, 32);
  return bytes;
}

/** The trailer in the last bytes of a file of `sizeBytes`. Throws SEGMENT_CORRUPTED. */
export function decodeSegmentTrailer(
  file: string,
  bytes: Uint8Array,
  sizeBytes: number,
): SegmentTrailer {
  const offset = Math.max(0, sizeBytes - SEGMENT_TRAILER_BYTES);
  if (bytes.length < SEGMENT_TRAILER_BYTES || !hasMagic(bytes, 32)) {
    throw segmentCorrupted(file, offset, CUT);
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (view.getUint32(28, true) !== crc32(bytes.subarray(0, 28))) {
    throw segmentCorrupted(file, offset, "the trailer's checksum is wrong");
  }
  const trailer: SegmentTrailer = {
    indexOffset: Number(view.getBigUint64(0, true)),
    indexSizeBytes: view.getUint32(8, true),
    footerSizeBytes: view.getUint32(12, true),
    fileSizeBytes: Number(view.getBigUint64(16, true)),
  };
  if (trailer.fileSizeBytes !== sizeBytes) {
    const reason = `it has ${sizeBytes} bytes, not ${trailer.fileSizeBytes} as when it was written`;
    throw segmentCorrupted(file, offset, reason);
  }
  const footerOffset = alignOffset(trailer.indexOffset + trailer.indexSizeBytes);
  if (alignOffset(footerOffset + trailer.footerSizeBytes) !== offset) {
    throw segmentCorrupted(
      file,
      offset,
      "index and footer do not fill the place before the trailer",
    );
  }
  return trailer;
}

/**
 * The error of a segment whose bytes are not what was written. What can be done is said by who
 * refuses the checkpoint.
 */
export function segmentCorrupted(
  file: string,
  offset: number,
  reason: string,
  cause?: unknown,
): OxbowError {
  const message = `Segment ${file} is damaged at byte ${offset}: ${reason}.`;
  return oxbowError("SEGMENT_CORRUPTED", message, { file, offset }, cause);
}

const CUT = "its end is missing";

function hasMagic(bytes: Uint8Array, at: number): boolean {
  return MAGIC.every((byte, i) => bytes[at + i] === byte);
}
