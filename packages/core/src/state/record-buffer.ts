/*
 * RecordBuffer: records in the format of `row-chunk.ts`, written into one buffer of fixed size:
 * records from the front, values from the end. Used for chunks on their way out and for the logs of
 * removals.
 *
 * R1. The caller asks `hasRoom` first, or makes a buffer with `bytesFor`.
 */
import { assert } from "../assert.ts";
import { offsetOf, slabOf } from "./arena.ts";
import { isPlain, isVarKey, parentBytes, type RowLayout } from "./layout.ts";
import type { ChunkKind, RowChunk } from "./row-chunk.ts";
import type { Table } from "./table.ts";

/** Values up to this size are copied by a loop; the native copy costs more. */
const LOOP_BYTES = 48;
const NAMESPACE_BYTES = 16;
const NO_OFFSETS: readonly number[] = [];

/** What a record of a kind consists of, for one layout. */
export interface RecordShape {
  readonly layoutIndex: number;
  readonly kind: ChunkKind;
  readonly ownWords: number;
  readonly ownVars: readonly number[];
  readonly parentWords: number;
  readonly parentVars: readonly number[];
  readonly hasNamespace: boolean;
  readonly recordBytes: number;
  /** Records are rows as they lie, and nothing else. */
  readonly isPlain: boolean;
}

/** The shape of records. */
export function recordShape(layout: RowLayout, layoutIndex: number, kind: ChunkKind): RecordShape {
  const ownBytes = kind === "puts" ? layout.strideBytes : kind === "tombstones" ? layout.keyEnd : 0;
  const parentSize = kind === "dropped" ? 0 : parentBytes(layout);
  const { parent } = layout;
  const ownVars =
    kind === "puts" ? layout.varOffsets : kind === "tombstones" ? keyVars(layout) : NO_OFFSETS;
  return {
    layoutIndex,
    kind,
    ownWords: ownBytes / 4,
    ownVars,
    parentWords: parentSize / 4,
    parentVars: parent === undefined || parentSize === 0 ? NO_OFFSETS : keyVars(parent),
    hasNamespace: layout.hasNamespace,
    recordBytes: ownBytes + parentSize + (layout.hasNamespace ? NAMESPACE_BYTES : 0),
    isPlain: kind === "puts" && isPlain(layout),
  };
}

function keyVars(layout: RowLayout): readonly number[] {
  return isVarKey(layout.keyKind) ? [layout.keyOffset] : NO_OFFSETS;
}

/** Bytes of a row's record, values included. `row` is the parent's for kind `cleared`. */
export function bytesFor(shape: RecordShape, table: Table, row: number): number {
  let bytes = shape.recordBytes;
  if (shape.kind === "cleared") return bytes + varBytes(parentOf(table), row, shape.parentVars);
  if (shape.ownVars.length > 0) bytes += varBytes(table, row, shape.ownVars);
  if (shape.parentVars.length > 0) {
    bytes += varBytes(parentOf(table), table.parentRowOf(row), shape.parentVars);
  }
  return bytes;
}

function varBytes(table: Table, row: number, offsets: readonly number[]): number {
  const page = table.pageOf(row).i32;
  const base = table.baseOf(row);
  let bytes = 0;
  for (let at = 0; at < offsets.length; at++) {
    bytes += page[base + (offsets[at] >>> 2) + 1] >>> 1;
  }
  return bytes;
}

function parentOf(table: Table): Table {
  assert(table.parent !== undefined, "a record of a child row needs its parent's table");
  return table.parent;
}

/** Positions [from, to). */
export interface RowRange {
  readonly from: number;
  readonly to: number;
}

/** See the file header. */
export class RecordBuffer {
  readonly shape: RecordShape;
  readonly buffer: ArrayBuffer;
  readonly i32: Int32Array;
  readonly u8: Uint8Array;
  /** For copying many rows: half as many stores. */
  readonly i64: BigInt64Array;
  count = 0;
  heapStart: number;

  constructor(shape: RecordShape, buffer: ArrayBuffer) {
    this.shape = shape;
    this.buffer = buffer;
    this.i32 = new Int32Array(buffer);
    this.u8 = new Uint8Array(buffer);
    this.i64 = new BigInt64Array(buffer);
    this.heapStart = buffer.byteLength;
  }

  /** Room for one more record of `bytes` in all, values included? */
  hasRoom(bytes: number): boolean {
    return this.count * this.shape.recordBytes + bytes <= this.heapStart;
  }

  /** Bytes that are in use. */
  get usedBytes(): number {
    return this.count * this.shape.recordBytes + this.buffer.byteLength - this.heapStart;
  }

  /**
   * Copies a row (or its key, or its parent's key: by the shape's kind); `row` as for `bytesFor`.
   */
  append(table: Table, row: number): void {
    const { shape } = this;
    let at = (this.count * shape.recordBytes) >>> 2;
    if (shape.kind === "cleared") {
      this.#copy(parentOf(table), row, at, shape.parentWords, shape.parentVars);
      at += shape.parentWords;
    } else {
      this.#copy(table, row, at, shape.ownWords, shape.ownVars);
      at += shape.ownWords;
      if (shape.parentWords > 0) {
        const parentRow = table.parentRowOf(row);
        this.#copy(parentOf(table), parentRow, at, shape.parentWords, shape.parentVars);
        at += shape.parentWords;
      }
    }
    if (shape.hasNamespace) this.#namespace(at, table);
    this.count += 1;
  }

  /** Copies rows of a plain shape, as many as there is room for; returns how many. */
  appendRows(table: Table, rows: Int32Array, { from, to }: RowRange): number {
    const longs = this.shape.recordBytes >>> 3;
    const end = Math.min(to, from + Math.floor((this.heapStart >>> 3) / longs) - this.count);
    assert(from < end, "there is room for a row at least");
    const { copyRows } = table.code;
    assert(copyRows !== undefined, "rows of a plain shape have a function that copies them");
    copyRows(table, { rows, from, end }, this.i64, this.count * longs);
    this.count += end - from;
    return end - from;
  }

  /** Appends the namespace of a pane: kind `dropped`. */
  appendNamespace(start: number, end: number): void {
    const at = (this.count * this.shape.recordBytes) >>> 2;
    writeNamespace(this.i32, at, start, end);
    this.count += 1;
  }

  /** Bytes of a record here, values included. */
  bytesAt(index: number): number {
    const { shape, i32 } = this;
    const at = (index * shape.recordBytes) >>> 2;
    let bytes = shape.recordBytes;
    for (const offset of shape.ownVars) bytes += i32[at + (offset >>> 2) + 1] >>> 1;
    for (const offset of shape.parentVars) {
      bytes += i32[at + shape.ownWords + (offset >>> 2) + 1] >>> 1;
    }
    return bytes;
  }

  /** Copies a record of another buffer of the same shape. */
  appendFrom(other: RecordBuffer, index: number): void {
    const { shape, i32 } = this;
    const words = shape.recordBytes >>> 2;
    const from = index * words;
    const to = this.count * words;
    for (let word = 0; word < words; word++) i32[to + word] = other.i32[from + word];
    for (const offset of shape.ownVars) this.#moveVar(to + (offset >>> 2), other.u8);
    for (const offset of shape.parentVars) {
      this.#moveVar(to + shape.ownWords + (offset >>> 2), other.u8);
    }
    this.count += 1;
  }

  /** The records as a chunk; the buffer belongs to the chunk from now on. */
  toChunk(): RowChunk {
    const { layoutIndex, kind, recordBytes } = this.shape;
    const { count, buffer, heapStart } = this;
    return { layoutIndex, kind, count, recordBytes, buffer, heapStart };
  }

  #moveVar(word: number, from: Uint8Array): void {
    const size = this.i32[word + 1] >>> 1;
    const ref = this.i32[word];
    this.i32[word] = this.#toHeap(from, ref, size);
  }

  // oxlint-disable-next-line max-params -- The innermost copy; an object per row would be garbage.
  #copy(table: Table, row: number, to: number, words: number, vars: readonly number[]): void {
    const page = table.pageOf(row).i32;
    const base = table.baseOf(row);
    const { i32 } = this;
    for (let word = 0; word < words; word++) i32[to + word] = page[base + word];
    for (let at = 0; at < vars.length; at++) {
      const word = to + (vars[at] >>> 2);
      const size = i32[word + 1] >>> 1;
      if (size === 0) continue;
      const ref = i32[word];
      i32[word] = this.#toHeap(table.arena.slabs[slabOf(ref)], offsetOf(ref), size);
    }
  }

  #toHeap(from: Uint8Array, start: number, size: number): number {
    const at = this.heapStart - size;
    this.heapStart = at;
    if (size <= LOOP_BYTES) {
      const { u8 } = this;
      for (let index = 0; index < size; index++) u8[at + index] = from[start + index];
    } else {
      this.u8.set(from.subarray(start, start + size), at);
    }
    return at;
  }

  #namespace(at: number, table: Table): void {
    const { namespace } = table;
    assert(namespace !== undefined, "a pane's table without a namespace");
    writeNamespace(this.i32, at, namespace.start, namespace.end);
  }
}

const NAMESPACE = new Float64Array(2);
const NAMESPACE_WORDS = new Int32Array(NAMESPACE.buffer);

function writeNamespace(i32: Int32Array, at: number, start: number, end: number): void {
  NAMESPACE[0] = start;
  NAMESPACE[1] = end;
  for (let word = 0; word < 4; word++) i32[at + word] = NAMESPACE_WORDS[word];
}
