/*
 * Block: rows as columns in bytes, the one format for frames between threads, in-flight data and
 * segment blocks. This file holds what encoder and decoder share. Normative:
 * `docs/formats/block.md`.
 */
import { assert } from "../assert.ts";
import type { Column, ColumnKind, Presence } from "./column.ts";

/** "OXBK". */
export const BLOCK_MAGIC = 0x4b42584f;
/** The version that is written, and the newest that is read. */
export const BLOCK_VERSION = 1;
export const BLOCK_HEADER_SIZE = 32;
export const DIRECTORY_ENTRY_SIZE = 16;
/** Most rows and columns of a block. */
export const MAX_BLOCK_ROWS = 1 << 26;
export const MAX_BLOCK_COLUMNS = 65535;

/** Flags of the header. */
export const BLOCK_FLAG = Object.freeze({ CHECKSUM: 1, COMPRESSED: 2 });

/** Encodings of a column's data. */
export const ENCODING = Object.freeze({
  RAW: 1,
  CONSTANT: 2,
  REFERENCE: 3,
  BITS: 4,
  PACKED: 5,
  DICTIONARY: 6,
});

/** Kinds of columns by their number in the format; 0 is none. */
export const KIND_NUMBERS: Readonly<Record<ColumnKind, number>> = Object.freeze({
  int32: 1,
  float64: 2,
  bool: 3,
  bigint64: 4,
  string: 5,
  bytes: 6,
  value: 7,
});

/** What a column of a block is, by its number in the format. */
export const ROLES = Object.freeze(["field", "timestamps", "records"] as const);
export type ColumnRole = (typeof ROLES)[number];

/**
 * Byte strings anywhere in `bytes`: row i is `bytes[starts[i] .. ends[i])`. Encoding only; decodes
 * as `bytes`.
 */
export interface SlicesColumn {
  readonly kind: "slices";
  readonly count: number;
  readonly presence: Presence;
  readonly bytes: Uint8Array;
  readonly starts: Int32Array;
  readonly ends: Int32Array;
}

/** A column of a block. */
export interface BlockColumn<C = Column> {
  readonly name: string;
  readonly role: ColumnRole;
  readonly column: C;
}

/** A decoded block. */
export interface Block {
  readonly rowCount: number;
  readonly columns: readonly BlockColumn[];
}

/** How to write a block. */
export interface BlockOptions {
  /** Look for the smallest encoding; otherwise the fastest. */
  readonly narrow: boolean;
  /** Protect against damage; always for what rests on a disk. */
  readonly checksum: boolean;
  /** Compress the body with zstd where that saves an eighth of it. */
  readonly compress: boolean;
}

/** For frames: fast, unprotected. */
export const FRAME_BLOCK: BlockOptions = Object.freeze({
  narrow: false,
  checksum: false,
  compress: false,
});

/** For storage: small and protected, uncompressed. */
export const STORED_BLOCK: BlockOptions = Object.freeze({
  narrow: true,
  checksum: true,
  compress: false,
});

/** Rounds up to a multiple of 8. */
export function align8(sizeBytes: number): number {
  return (sizeBytes + 7) & ~7;
}

/**
 * Bytes that zlib collects at a time, for a result of about this size: mostly all at once, without
 * joining pieces.
 */
export function zlibChunkSize(sizeBytes: number): number {
  return Math.min(Math.max(sizeBytes, 1024), 1024 * 1024);
}

// Typed arrays are laid over the format's little-endian numbers.
assert(
  new Uint8Array(new Uint16Array([1]).buffer)[0] === 1,
  "this machine is big-endian; Oxbow needs a little-endian one",
);
